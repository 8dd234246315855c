// performance.now counts from the start of the instance. The engine's would count from the build.

import { clock, onStart } from "./host.js";

const engines = globalThis.performance;
let start;
let { timeOrigin } = engines;

onStart(() => {
  start = clock.monotonicNs();
  timeOrigin = clock.nowMs();
});

// One object for the build and for instances, because a library may keep it at its top level.
globalThis.performance = {
  now: () => (start === undefined ? engines.now() : (clock.monotonicNs() - start) / 1e6),
  get timeOrigin() {
    return timeOrigin;
  },
};
