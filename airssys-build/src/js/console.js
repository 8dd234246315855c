// The component's log, and `console`, which writes to it.

import { clock, logging } from "./host.js";
import { described, mapped } from "./trace.js";

const DEPTH = 3;
const ITEMS = 100;

const quoted = (value) => (typeof value === "string" ? JSON.stringify(value) : undefined);

/** A value as text, as in the source: objects with their fields, down to a few levels. */
function inspected(value, around = []) {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[function ${value.name || "without a name"}]`;
  if (typeof value !== "object" || value === null) return quoted(value) ?? String(value);
  if (value instanceof Error) return described(value);
  if (value instanceof Date) return isNaN(value) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp || value instanceof Promise || value instanceof URL) return String(value);
  if (around.includes(value)) return "[circular]";
  const inside = [...around, value];
  const kind = value.constructor?.name;
  const [open, close] = Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Set ? "[]" : "{}";
  const name = kind === "Object" || kind === "Array" || kind === undefined ? "" : `${kind} `;
  if (inside.length > DEPTH) return `${name}${open}…${close}`;
  const parts = [];
  const add = (part) => parts.length < ITEMS && parts.push(part());
  let count = 0;
  const each = (values, part) => {
    for (const item of values) {
      count += 1;
      add(() => part(item));
    }
  };
  if (value instanceof Map) each(value, ([key, item]) => `${inspected(key, inside)} => ${inspected(item, inside)}`);
  else if (open === "[" && !(value instanceof DataView)) each(value, (item) => inspected(item, inside));
  else each(Object.keys(value), (key) => `${/^[\w$]+$/.test(key) ? key : quoted(key)}: ${inspected(value[key], inside)}`);
  if (count > ITEMS) parts.push(`… ${count - ITEMS} more`);
  const text = parts.join(", ");
  return open === "[" ? `${name}[${text}]` : `${name}{${text && ` ${text} `}}`;
}

const shown = (value) => (typeof value === "string" ? mapped(value) : inspected(value));

const FORMATS = {
  s: (value) => (typeof value === "string" ? value : inspected(value)),
  d: (value) => (typeof value === "bigint" ? `${value}` : String(Number(value))),
  i: (value) => (typeof value === "bigint" ? `${value}` : String(parseInt(value, 10))),
  f: (value) => String(parseFloat(value)),
  j: (value) => JSON.stringify(value),
  o: inspected,
  O: inspected,
  c: () => "",
};

/** The values as one text. The first may have places for the others: `%s`, `%d`, `%i`, `%f`, `%j`, `%o`. */
export function text(values) {
  let [first, ...rest] = values;
  if (typeof first === "string" && first.includes("%")) {
    first = first.replace(/%([sdifjoOc%])/g, (place, kind) => {
      if (kind === "%") return "%";
      return rest.length ? FORMATS[kind](rest.shift()) : place;
    });
  }
  return (values.length ? [first, ...rest] : []).map(shown).join(" ");
}

const line =
  (level) =>
  (...values) =>
    logging.log(level, text(values));

/** The component's log. */
export const log = Object.fromEntries(["trace", "debug", "info", "warn", "error"].map((level) => [level, line(level)]));

let indent = "";
const counts = new Map();
const timers = new Map();

const writes =
  (level) =>
  (...values) =>
    logging.log(level, indent + text(values).replaceAll("\n", `\n${indent}`));
const [debug, info, warn, error] = ["debug", "info", "warn", "error"].map(writes);

function group(...labels) {
  if (labels.length) info(...labels);
  indent += "  ";
}

function elapsed(label, ...values) {
  const since = timers.get(label);
  if (since === undefined) return warn(`no timer is named ${label}`);
  info(`${label}: ${((clock.monotonicNs() - since) / 1e6).toFixed(3)} ms`, ...values);
}

globalThis.console = {
  debug,
  log: info,
  info,
  warn,
  error,
  trace: (...values) => debug(`${text(["trace:", ...values])}\n${mapped(new Error().stack)}`),
  dir: (value) => info(inspected(value)),
  dirxml: info,
  table: (value) => info(inspected(value)),
  assert: (condition, ...values) => void (condition || error("assertion failed:", ...values)),
  count(label = "default") {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    info(`${label}: ${counts.get(label)}`);
  },
  countReset: (label = "default") => void counts.delete(label),
  group,
  groupCollapsed: group,
  groupEnd: () => void (indent = indent.slice(2)),
  time: (label = "default") => void timers.set(label, clock.monotonicNs()),
  timeLog: (label = "default", ...values) => elapsed(label, ...values),
  timeEnd(label = "default") {
    elapsed(label);
    timers.delete(label);
  },
  clear: () => undefined,
};
