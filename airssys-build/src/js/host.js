// The host's functions. Before the instance starts they do not exist, because the build runs the
// top level of a component without a host.

import hostClock from "airssys:component/clock@0.2.0";
import hostLogging from "airssys:component/logging@0.2.0";
import hostMessaging from "airssys:component/messaging@0.2.0";
import hostSystem from "airssys:component/system@0.2.0";
import hostRandom from "wasi:random/random@0.2.0";

const early = new Proxy(
  {},
  {
    get: (_, name) => () => {
      throw new Error(
        `the host has no \`${name}\` yet, because the top level of a component runs when it is built; move the call into \`initialize\` or \`handle\``,
      );
    },
  },
);

export let clock = early;
export let messaging = early;
export let random = early;
export let system = early;

/** Lines that the top level has logged. Each instance writes them when it starts. */
const lines = [];
export let logging = { log: (level, text) => void lines.push([level, text]) };

const starts = [];

/** Has a function called when an instance starts. */
export function onStart(function_) {
  starts.push(function_);
}

/** Begins the life of an instance. */
export function start() {
  [clock, logging, messaging, random, system] = [hostClock, hostLogging, hostMessaging, hostRandom, hostSystem];
  for (const function_ of starts) function_();
  for (const [level, text] of lines.splice(0)) logging.log(level, text);
}
