// Errors are shown with their places in the sources.

import assert from "node:assert/strict";
import { test } from "node:test";

// Line 2 is of two files, line 4 of one, and the others of none.
globalThis.__airssysPlaces = { files: ["src/main.js", "src/other.js"], lines: "\n0,0,4,2 10,1,0,7\n\n3,0,9,0" };
const { described, leaveStacks, mapped, summary } = await import("../trace.js");
leaveStacks();

const frames = (...places) => places.map((place) => `    at f (/target/airssys/bundle.js:${place})`).join("\n");
const failed = (stack, more) => Object.assign(new TypeError("wrong"), { stack, ...more });

test("a place in the bundle becomes one in the sources", () => {
  assert.equal(mapped(frames("2:1")), "    at f (src/main.js:5:3)");
  assert.equal(mapped(frames("2:10")), "    at f (src/main.js:5:3)");
  assert.equal(mapped(frames("2:11")), "    at f (src/other.js:1:8)");
  assert.equal(mapped(frames("4:99")), "    at f (src/main.js:10:1)");
});

test("frames without a place in the sources are left out", () => {
  assert.equal(mapped(`${frames("1:1", "2:5", "3:1", "4:1", "9:9")}\n    at next (native)`), "    at f (src/main.js:5:3)");
  assert.equal(mapped("no frame at all (native)"), "no frame at all (native)");
});

test("texts of others stay as they are", () => {
  const foreign = "    at f (/other/bundle.js:2:5)";
  assert.equal(mapped(foreign), foreign);
  const long = `    at ${"a(".repeat(100_000)}/airssys/bundle.js:`;
  assert.equal(mapped(long), long);
});

test("an error is described with its kind, place and causes", () => {
  const cause = failed(frames("4:5"));
  const error = failed(frames("2:5"), { cause });
  assert.equal(described(error), "TypeError: wrong\n    at f (src/main.js:5:3)\ncaused by TypeError: wrong\n    at f (src/main.js:10:1)");
  assert.equal(summary(error), "TypeError: wrong (src/main.js:5:3)");
  assert.equal(summary(failed("")), "TypeError: wrong");
  assert.equal(described("text"), "text");
  const circle = failed("");
  circle.cause = circle;
  assert.equal(described(circle).split("caused by").length, 6);
});
