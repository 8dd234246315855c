// performance.now counts from the start of the instance. The engine's would count from the build.

import { clock, onStart } from "./host.js";

onStart(() => {
  const start = clock.monotonicNs();
  const timeOrigin = clock.nowMs();
  globalThis.performance = { timeOrigin, now: () => (clock.monotonicNs() - start) / 1e6 };
});
