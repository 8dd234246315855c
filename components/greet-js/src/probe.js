// Shows tests what a component in JavaScript can use. It is imported by a handler.

import { log } from "airssys";

/** The names that a component finds, as docs/languages.md lists them. */
function names() {
  const own = (name) => {
    const value = globalThis[name];
    const holders = [value, Object.getPrototypeOf(value)];
    const members = holders.flatMap((holder) => Object.getOwnPropertyNames(holder));
    return members.filter((member) => !(member in Object.prototype)).map((member) => `${name}.${member}`);
  };
  const globals = Object.getOwnPropertyNames(globalThis).filter((name) => !name.startsWith("__") && name !== "wit");
  return [...globals, ...["console", "crypto", "performance"].flatMap(own)];
}

function random(top) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const two = crypto.getRandomValues(new Uint32Array(2).subarray(1));
  return {
    top: { ...top, kept: undefined },
    now: Date.now(),
    performance: [performance.now(), top.kept.performance.now(), top.kept.performance.timeOrigin],
    numbers: Array.from({ length: 300 }, (_, index) => (index % 2 ? Math.random : top.kept.random)()),
    uuids: [crypto.randomUUID(), crypto.randomUUID()],
    bytes: Array.from(bytes),
    two: two.length,
    refused: [() => crypto.getRandomValues(new Float32Array(1)), () => crypto.getRandomValues(new Uint8Array(65_537))].map((ask) => {
      try {
        ask();
      } catch (error) {
        return `${error.constructor.name} ${error.name}`;
      }
    }),
  };
}

function web() {
  const url = new URL("../b?x=1&y=%C3%A9#z", "https://user@example.org:8080/a/c/");
  url.searchParams.append("x", "2 3");
  const original = { date: new Date(0), map: new Map([["a", new Set([1])]]), bytes: new Uint8Array([1, 2]), big: 2n };
  original.self = original;
  const clone = structuredClone(original);
  const encoded = new TextEncoder().encode("é🦀");
  return {
    href: url.href,
    params: url.searchParams.getAll("x"),
    canParse: [URL.canParse("no"), URL.canParse("a:b")],
    clone: [clone.self === clone, clone.date.getTime(), clone.map.get("a").has(1), Array.from(clone.bytes), String(clone.big)],
    text: new TextDecoder().decode(encoded),
    base64: [btoa("hello"), atob("aGVsbG8=")],
  };
}

function write() {
  console.log("%s is %d", "one", 1, { list: [1, { deep: { deeper: {} } }], text: "x" });
  console.debug("debug", new Map([["a", 1]]));
  console.warn("warn", [undefined, null, 3n]);
  console.group("group");
  console.error(new RangeError("shown", { cause: new TypeError("inner") }));
  console.groupEnd();
  console.assert(false, "assertion");
  console.count();
  console.count();
  console.table([1]);
  console.time("timer");
  console.timeEnd("timer");
  console.trace("from here");
  const circle = { name: "circle" };
  circle.self = circle;
  log.info("log", circle, Array.from({ length: 200 }, (_, index) => index));
}

function fail() {
  throw new TypeError("failed on purpose", { cause: new Error("the cause") });
}

/** Calls itself so many times, each call inside the one before. */
const nested = (times) => (times <= 1 ? 1 : 1 + nested(times - 1));

/** Answers `decoded` if the body can be read. */
const decode = () => "decoded";

const answers = { names, random, web, write, decode, fail };

/** Answers a question. `top` has what the top level of the main file has computed. */
export function answer(question, top) {
  const [, times] = /^nested (\d+)$/.exec(question) ?? [];
  return times ? nested(Number(times)) : answers[question](top);
}
