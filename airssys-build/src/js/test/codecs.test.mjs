// The codecs, with the bodies that the SDKs of all languages read alike.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CBOR_DEPTH, CODECS, encode, JSON_DEPTH, split } from "../codecs.js";

const shared = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url)));
const bytes = (body) => Uint8Array.from(Buffer.from(body.map(([digits, times]) => digits.repeat(times)).join(""), "hex"));
const cbor = (...body) => CODECS.cbor.decode(Uint8Array.from(body));

test("nesting is read down to the same depth in every language", () => {
  for (const { codec, body, read, value } of shared("nesting.json")) {
    const decode = () => CODECS[codec].decode(bytes(body));
    if (!read) assert.throws(decode, Error, JSON.stringify(body));
    else if (value === undefined) decode();
    else assert.deepEqual(decode(), value);
  }
});

test("a value that is nested too deep is not written", () => {
  const deep = (levels, value) => (levels === 0 ? 0 : value(deep(levels - 1, value)));
  for (const value of [(inner) => [inner], (inner) => ({ inner }), (inner) => new Map([["inner", inner]])]) {
    CODECS.cbor.decode(CODECS.cbor.encode(deep(CBOR_DEPTH, value)));
    assert.throws(() => CODECS.cbor.encode(deep(CBOR_DEPTH + 1, value)), /more than 128 deep/);
    assert.throws(() => CODECS.cbor.encode(deep(400, value)), /more than 128 deep/);
  }
  CODECS.json.decode(CODECS.json.encode(deep(JSON_DEPTH, (inner) => [inner])));
});

test("tags of dates and large integers are read, and others are named", () => {
  assert.deepEqual(cbor(0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0), new Date("2013-03-21T20:04:00Z"));
  assert.deepEqual(cbor(0xc0, 0x74, ...Buffer.from("2013-03-21T20:04:00Z")), new Date("2013-03-21T20:04:00Z"));
  assert.equal(cbor(0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0), 2n ** 64n);
  assert.equal(cbor(0xc3, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0), -(2n ** 64n) - 1n);
  assert.throws(() => cbor(0xc4, 0x82, 0x21, 0x19, 0x6a, 0xb3), /tag not supported \(4\)/);
  for (const wrong of [[0xc0, 0x61, 0x78], [0xc1, 0x61, 0x78], [0xc2, 0x01], [0xc3, 0x81, 0x01], [0xc1, 0xc1, 0xc1, 0x61, 0x78]]) {
    assert.throws(() => cbor(...wrong), Error, String(wrong));
  }
});

test("a message is split into its codec and body", () => {
  for (const [codec, value] of [["cbor", { a: [1, "é"] }], ["json", [null]], ["raw", new Uint8Array([7])]]) {
    const read = split(encode(codec, value));
    assert.equal(read.codec, codec);
    assert.deepEqual(CODECS[codec].decode(read.body), value);
  }
  assert.equal(split(Uint8Array.of(0x50, 1)), undefined);
});

test("a prefix is read alike in every language", () => {
  for (const { message, codec, body } of shared("prefixes.json")) {
    const read = split(Uint8Array.from(Buffer.from(message, "hex")));
    if (codec in CODECS) assert.deepEqual(read, { codec, body: Uint8Array.from(Buffer.from(body, "hex")) }, message);
    else assert.equal(read, undefined, message);
  }
});
