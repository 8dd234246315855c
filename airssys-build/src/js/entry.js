// The component that is built: the main file's exports, checked.

import "./globals.js";
import * as main from "airssys-main";
import { start } from "./host.js";
import { leaveStacks } from "./trace.js";

const FORM = "export const { lifecycle, handler } = component({ … })";
const FUNCTIONS = { lifecycle: ["initialize", "health", "shutdown"], handler: ["handleMessage", "handleCallback"] };

function checked(name) {
  const value = main[name];
  const exports = Object.keys(main);
  if (value === undefined) {
    const found = exports.length === 0 ? "nothing" : `${exports.map((other) => `\`${other}\``).join(", ")}, but not \`${name}\``;
    throw new TypeError(`the main file exports ${found}; write \`${FORM}\``);
  }
  if (typeof value.then === "function") throw new TypeError(`the export \`${name}\` is a promise; write \`${FORM}\` without \`async\` and \`await\``);
  for (const needed of FUNCTIONS[name]) {
    if (typeof value[needed] !== "function") throw new TypeError(`the export \`${name}\` has no function \`${needed}\`; write \`${FORM}\``);
  }
  return value;
}

const made = checked("lifecycle");

export const lifecycle = {
  initialize(settings) {
    leaveStacks();
    start();
    return made.initialize(settings);
  },
  health: () => made.health(),
  shutdown: () => made.shutdown(),
};
export const handler = checked("handler");
