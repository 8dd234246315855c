// The SDK's promises, whose callbacks are called by `drain` only.

import assert from "node:assert/strict";
import { test } from "node:test";

const NodePromise = globalThis.Promise;
const nodeMicrotask = globalThis.queueMicrotask;
const { drain } = await import("../promise.js");
const { Promise, queueMicrotask } = globalThis;
Object.assign(globalThis, { Promise: NodePromise, queueMicrotask: nodeMicrotask });

/** The state of a promise after a drain. */
function now(promise) {
  let state = "pending";
  promise.then(
    (value) => (state = ["fulfilled", value]),
    (error) => (state = ["rejected", error]),
  );
  drain();
  return state;
}

test("callbacks are called in the drain, not before", () => {
  const seen = [];
  Promise.resolve(1).then((value) => {
    seen.push(value);
    return Promise.resolve(2).then((value) => seen.push(value));
  }).then(() => seen.push(3));
  queueMicrotask(() => seen.push("job"));
  assert.deepEqual(seen, []);
  drain();
  assert.deepEqual(seen, [1, "job", 2, 3]);
});

test("an open promise stays pending, and goes on in a later drain", () => {
  const { promise, resolve } = Promise.withResolvers();
  const doubled = promise.then((value) => value * 2);
  assert.equal(now(doubled), "pending");
  resolve(4);
  assert.deepEqual(now(doubled), ["fulfilled", 8]);
});

test("the first settlement counts", () => {
  assert.deepEqual(now(new Promise((resolve, reject) => (resolve(1), resolve(2), reject(3)))), ["fulfilled", 1]);
  assert.deepEqual(now(new Promise((_, reject) => (reject(1), reject(2)))), ["rejected", 1]);
  const { promise, resolve } = Promise.withResolvers();
  // From here on it follows the other promise, which is still open.
  resolve(new Promise(() => {}));
  resolve(5);
  assert.equal(now(promise), "pending");
});

test("exceptions reject, and later handlers catch them", () => {
  const error = new Error("broken");
  const thrown = () => { throw error; };
  assert.deepEqual(now(new Promise(thrown)), ["rejected", error]);
  assert.deepEqual(now(Promise.resolve().then(thrown)), ["rejected", error]);
  assert.deepEqual(now(Promise.resolve().then(thrown).then(() => 1)), ["rejected", error]);
  assert.deepEqual(now(Promise.resolve().then(thrown).catch((caught) => caught.message)), ["fulfilled", "broken"]);
  assert.deepEqual(now(new Promise((resolve) => { resolve(1); throw error; })), ["fulfilled", 1]);
});

test("a thenable is followed, and called once", () => {
  const calls = [];
  const thenable = { then(resolve) { calls.push(this === thenable); resolve(Promise.resolve("deep")); } };
  assert.deepEqual(now(Promise.resolve(thenable)), ["fulfilled", "deep"]);
  assert.deepEqual(calls, [true]);
  const broken = { get then() { throw "no"; } };
  assert.deepEqual(now(Promise.resolve(broken)), ["rejected", "no"]);
  const both = { then(resolve) { resolve(1); throw "late"; } };
  assert.deepEqual(now(Promise.resolve(both)), ["fulfilled", 1]);
  const self = Promise.withResolvers();
  self.resolve(self.promise);
  assert.ok(now(self.promise)[1] instanceof TypeError);
});

test("finally keeps the value, unless it fails itself", () => {
  assert.deepEqual(now(Promise.resolve(1).finally(() => 2)), ["fulfilled", 1]);
  assert.deepEqual(now(Promise.reject(1).finally(() => 2)), ["rejected", 1]);
  assert.deepEqual(now(Promise.resolve(1).finally(() => { throw 3; })), ["rejected", 3]);
});

test("several promises are combined", () => {
  const { promise: never } = Promise.withResolvers();
  const late = Promise.withResolvers();
  const all = Promise.all([late.promise, 2, Promise.resolve(3)]);
  assert.equal(now(all), "pending");
  late.resolve(1);
  assert.deepEqual(now(all), ["fulfilled", [1, 2, 3]]);
  assert.deepEqual(now(Promise.all([])), ["fulfilled", []]);
  assert.deepEqual(now(Promise.all([never, Promise.reject("no")])), ["rejected", "no"]);
  assert.deepEqual(now(Promise.allSettled([1, Promise.reject(2)])), [
    "fulfilled",
    [{ status: "fulfilled", value: 1 }, { status: "rejected", reason: 2 }],
  ]);
  assert.deepEqual(now(Promise.race([never, Promise.resolve(2)])), ["fulfilled", 2]);
  assert.deepEqual(now(Promise.any([Promise.reject(1), never, Promise.resolve(2)])), ["fulfilled", 2]);
  const [state, error] = now(Promise.any([Promise.reject(1), Promise.reject(2)]));
  assert.equal(state, "rejected");
  assert.deepEqual(error.errors, [1, 2]);
});
