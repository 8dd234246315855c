// Compares the SDK's TextEncoder and TextDecoder with those of Node.js.

import assert from "node:assert/strict";
import { test } from "node:test";

const { TextEncoder: NodeEncoder, TextDecoder: NodeDecoder } = globalThis;
delete globalThis.TextEncoder;
delete globalThis.TextDecoder;
await import("../text.js");
const { TextEncoder: Encoder, TextDecoder: Decoder } = globalThis;
Object.assign(globalThis, { TextEncoder: NodeEncoder, TextDecoder: NodeDecoder });

const TEXTS = ["", "plain", "né", "\u07ff\u0800\uffff", "a🦀b", "\u{10ffff}", "\0", "\ufeffmarked", "\ud800", "x\udc00y", "\udc00\ud800"];

const BYTES = [
  // Sequences cut off after each of their bytes.
  [0xc3], [0xe2], [0xe2, 0x82], [0xf0], [0xf0, 0x9f], [0xf0, 0x9f, 0xa6], [0xe2, 0x82, 0x41], [0xf0, 0x9f, 0xa6, 0xf0, 0x9f, 0xa6, 0x80],
  // Overlong sequences.
  [0xc0, 0x80], [0xc1, 0xbf], [0xe0, 0x80, 0x80], [0xe0, 0x9f, 0xbf], [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf],
  // Surrogates, and codes above the last one.
  [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80],
  // Bytes that do not begin a sequence.
  [0x80], [0xbf, 0x41], [0xff], [0xfe, 0xff], [0x41, 0x80, 0x80, 0x42],
  // Byte order marks.
  [0xef, 0xbb, 0xbf], [0xef, 0xbb, 0xbf, 0x41], [0x41, 0xef, 0xbb, 0xbf], [0xef, 0xbb],
].map((bytes) => Uint8Array.from(bytes));

function attempt(decoder, bytes) {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    return error.constructor.name;
  }
}

test("the tested classes are not those of Node.js", () => {
  assert.notEqual(Encoder, NodeEncoder);
  assert.notEqual(Decoder, NodeDecoder);
});

test("texts are encoded, lone surrogates as U+FFFD", () => {
  for (const text of TEXTS) assert.deepEqual(new Encoder().encode(text), new NodeEncoder().encode(text), JSON.stringify(text));
  assert.deepEqual(new Encoder().encode(), new Uint8Array());
});

test("encodeInto writes as much as fits", () => {
  for (const text of TEXTS) {
    for (let room = 0; room < 12; room++) {
      const [ours, nodes] = [new Uint8Array(room), new Uint8Array(room)];
      assert.deepEqual(new Encoder().encodeInto(text, ours), new NodeEncoder().encodeInto(text, nodes), `${JSON.stringify(text)}, ${room}`);
      assert.deepEqual(ours, nodes);
    }
  }
});

test("broken bytes become U+FFFD, or an error if fatal", () => {
  const all = [...BYTES, ...TEXTS.map((text) => new NodeEncoder().encode(text))];
  for (const options of [{}, { fatal: true }, { ignoreBOM: true }]) {
    for (const bytes of all) {
      const expected = attempt(new NodeDecoder("utf-8", options), bytes);
      assert.equal(attempt(new Decoder("utf-8", options), bytes), expected, `${bytes} ${JSON.stringify(options)}`);
    }
  }
});

test("all pairs of bytes, and many longer sequences, are decoded alike", () => {
  const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff];
  const [ours, nodes] = [new Decoder(), new NodeDecoder()];
  const same = (...bytes) => {
    const array = Uint8Array.from(bytes);
    assert.equal(ours.decode(array), nodes.decode(array), String(bytes));
  };
  for (let first = 0; first < 256; first++) for (let second = 0; second < 256; second++) same(first, second);
  for (const a of edges) for (const b of edges) for (const c of edges) same(a, b, c), same(a, b, c, 0x80), same(a, b, c, 0x41);
});

test("views of bytes are decoded, and streams are refused", () => {
  const buffer = new NodeEncoder().encode("hello").buffer;
  assert.equal(new Decoder().decode(buffer), "hello");
  assert.equal(new Decoder().decode(new DataView(buffer, 1, 2)), "el");
  assert.equal(new Decoder().decode(), "");
  assert.throws(() => new Decoder().decode(buffer, { stream: true }), /stream/);
  assert.throws(() => new Decoder("latin1"), RangeError);
});
