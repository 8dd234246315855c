// Attacks its host as its messages say: the same as test-hostile-python. Tests check that the host holds.

import { component } from "airssys";

const nothing = () => {};

const attacks = {
  hello: () => "hello",

  memory() {
    const all = [];
    for (;;) all.push(new Uint8Array(1 << 20).fill(1));
  },

  text() {
    let text = "x";
    for (;;) text = `${text}${text}y`;
  },

  spin() {
    for (;;) nothing();
  },

  /** Waits for nothing again and again, so that the interpreter's own queue never runs empty. */
  async microtasks() {
    for (;;) await undefined;
  },

  log() {
    for (;;) console.log("flood");
  },

  recursion() {
    const deeper = (number) => 1 + deeper(number + 1);
    return deeper(0);
  },

  /** Throws without end in promises that no handler looks at. */
  unhandled() {
    for (;;) Promise.reject(new Error("unhandled"));
  },

  /** Throws and catches without end. */
  exceptions() {
    for (;;) {
      try {
        throw new Error("caught");
      } catch {
        nothing();
      }
    }
  },

  reason() {
    throw new Error("long ".repeat(1_000_000));
  },

  reply: () => "x".repeat(2 << 20),

  /** A value that has no end in any codec. */
  circle() {
    const circle = {};
    circle.self = circle;
    return circle;
  },
};

export const { lifecycle, handler } = component({
  async handle(message) {
    return attacks[message.decode()]();
  },
});
