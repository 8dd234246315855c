// Names that libraries expect of any JavaScript engine, and QuickJS does not have.

import "./promise.js";
import "./text.js";
import "airssys-web";
import "./random.js";
import "./performance.js";
import "./console.js";
