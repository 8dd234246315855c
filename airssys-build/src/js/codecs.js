// The codecs of messages.
//
// A value is nested at most as deep as in components of every language (`docs/codecs.md`). A deeper one
// would overflow the engine's stack, which ends the instance.

import * as cborg from "cborg";
import { bigIntDecoder } from "cborg/taglib";

export const CBOR_DEPTH = 128;
export const JSON_DEPTH = 127;
/** The largest integer in a tag, in bytes. Larger ones take long to convert. */
const INTEGER_BYTES = 1024;

const utf8 = {
  encode: new TextEncoder(),
  // Keeps a mark at the start of a text, as Rust and Python do.
  decode: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }),
  lossy: new TextDecoder(),
};

function checkDepth(depth, most) {
  if (depth > most) throw new Error(`the value is nested more than ${most} deep`);
}

const [BYTES, TEXT, LIST, MAP, TAG] = [2, 3, 4, 5, 6];
const INDEFINITE = 31;
const BREAK = 0xff;
/** A break ends the items of a list, or the pairs of a map; in a map, a value is due after a key. */
const [ITEMS, KEYS, VALUE] = [-1, -2, -3];

/**
 * Checks the depth of lists, maps and tags. Stops at a mistake, which the decoder reports.
 *
 * Returns the places of texts and bytes that are given in chunks.
 */
function scanned(body) {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const chunked = [];
  // The number of items that are still to come on this level, and on those around it. Negative if a break
  // ends them.
  let left = 1;
  const around = [];
  let at = 0;
  for (;;) {
    while (left === 0) {
      if (around.length === 0) return chunked;
      left = around.pop();
    }
    if (at >= body.length) return chunked;
    const head = body[at++];
    if (head === BREAK) {
      // The decoder would take it for a value.
      if (left !== ITEMS && left !== KEYS) throw new Error("a break ends nothing");
      left = 0;
      continue;
    }
    if (left > 0) left -= 1;
    else if (left !== ITEMS) left = left === KEYS ? VALUE : KEYS;
    const kind = head >> 5;
    let number = head & 31;
    const isIndefinite = number === INDEFINITE;
    if (number >= 24 && !isIndefinite) {
      const width = 1 << (number - 24);
      if (width > 8 || at + width > body.length) return chunked;
      if (width === 1) number = body[at];
      else if (width === 2) number = view.getUint16(at);
      else if (width === 4) number = view.getUint32(at);
      else number = Number(view.getBigUint64(at));
      at += width;
    }
    if (kind === LIST || kind === MAP || kind === TAG) {
      if (isIndefinite && kind === TAG) return chunked;
      around.push(left);
      checkDepth(around.length, CBOR_DEPTH);
      if (isIndefinite) left = kind === LIST ? ITEMS : KEYS;
      else left = kind === TAG ? 1 : kind === MAP ? number * 2 : number;
    } else if (kind === BYTES || kind === TEXT) {
      if (!isIndefinite) {
        at += number;
        continue;
      }
      const whole = { kind, start: at - 1, chunks: [] };
      at = whole.end = chunksEnd(body, view, at, kind, whole.chunks);
      if (at < 0) return chunked;
      chunked.push(whole);
    } else if (isIndefinite) {
      return chunked;
    }
  }
}

/** The end of a text or bytes in chunks, which are added to a list; negative if there is a mistake. */
function chunksEnd(body, view, from, kind, chunks) {
  for (let at = from; at < body.length; ) {
    const head = body[at++];
    if (head === BREAK) return at;
    let length = head & 31;
    if (head >> 5 !== kind || length > 26) return -1;
    const width = length < 24 ? 0 : 1 << (length - 24);
    if (at + width > body.length) return -1;
    if (width === 1) length = body[at];
    else if (width === 2) length = view.getUint16(at);
    else if (width === 4) length = view.getUint32(at);
    at += width + length;
    if (at > body.length) return -1;
    chunks.push(body.subarray(at - length, at));
  }
  return -1;
}

/** The body with each text and bytes in one piece, as the decoder needs them. */
function inOnePiece(body, chunked) {
  const parts = [];
  let from = 0;
  for (const { kind, start, end, chunks } of chunked) {
    const head = new Uint8Array(5);
    head[0] = (kind << 5) | 26;
    new DataView(head.buffer).setUint32(1, chunks.reduce((bytes, chunk) => bytes + chunk.length, 0));
    // Each chunk of a text is a text. Together they could be valid although none of them is.
    if (kind === TEXT) chunks.forEach((chunk) => utf8.decode.decode(chunk));
    parts.push(body.subarray(from, start), head, ...chunks);
    from = end;
  }
  return concatenated([...parts, body.subarray(from)]);
}

function date(value) {
  if (isNaN(value)) throw new Error("a date is not valid");
  return value;
}

function bytesOf(decode) {
  const bytes = decode();
  if (!(bytes instanceof Uint8Array)) throw new Error("a large integer is not given as bytes");
  if (bytes.length > INTEGER_BYTES) throw new Error(`an integer has ${bytes.length} bytes; at most ${INTEGER_BYTES} are read`);
  return bigIntDecoder(() => bytes);
}

const TAGS = {
  0: (decode) => date(new Date(String(decode()))),
  1: (decode) => date(new Date(Number(decode()) * 1000)),
  2: bytesOf,
  3: (decode) => -1n - bytesOf(decode),
};

/** The first byte of the mark that cborg takes off a text. */
const MARK = 0xef;

/** Reads the items of a body, and rejects texts that are not UTF-8. cborg replaces what is not. */
class Items extends cborg.Tokenizer {
  next() {
    const start = this.pos();
    const token = super.next();
    if (!cborg.Type.equals(token.type, cborg.Type.string)) return token;
    const length = this.data[start] & 31;
    const from = start + 1 + (length < 24 ? 0 : 1 << (length - 24));
    if (this.data[from] === MARK || token.value.includes("\ufffd")) {
      token.value = utf8.decode.decode(this.data.subarray(from, this.pos()));
    }
    return token;
  }
}

function readCbor(body) {
  // Few bytes are not nested too deep. Those of chunks and breaks need to be looked at.
  const isPlain = body.length <= CBOR_DEPTH && ![0x5f, 0x7f, BREAK].some((byte) => body.includes(byte));
  const chunked = isPlain ? [] : scanned(body);
  const whole = chunked.length ? inOnePiece(body, chunked) : body;
  const options = { tags: TAGS };
  return cborg.decode(whole, { ...options, tokenizer: new Items(whole, options) });
}

/** Lets the encoder of a list or an object count the levels above it. */
function levels(_value, _kind, _options, around) {
  let depth = 1;
  for (let level = around; level; level = level.parent) depth += 1;
  checkDepth(depth, CBOR_DEPTH);
  return null;
}

function checkJson(body) {
  let depth = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === 0x22) {
      at = stringEnd(body, at);
    } else if (byte === 0x5b || byte === 0x7b) {
      checkDepth(++depth, JSON_DEPTH);
    } else if (byte === 0x5d || byte === 0x7d) {
      depth -= 1;
    }
  }
}

/** The place of the quote that ends the string that begins here, or the end of the body. */
function stringEnd(body, start) {
  for (let at = start; ; ) {
    at = body.indexOf(0x22, at + 1);
    if (at < 0) return body.length;
    let escapes = at;
    while (body[escapes - 1] === 0x5c) escapes -= 1;
    if ((at - escapes) % 2 === 0) return at;
  }
}

function readJson(body) {
  checkJson(body);
  return JSON.parse(utf8.decode.decode(body));
}

/** The codecs by name: the prefix of a message, and the functions that write and read its body. */
export const CODECS = {
  cbor: {
    prefix: [0x51],
    encode: (value) => cborg.encode(value, { typeEncoders: { Array: levels, Object: levels, Map: levels } }),
    decode: readCbor,
  },
  json: { prefix: [0x80, 0x04], encode: (value) => utf8.encode.encode(JSON.stringify(value)), decode: readJson },
  raw: { prefix: [0x55], encode: (bytes) => Uint8Array.from(bytes), decode: (body) => body },
};

/** A whole message: the codec's prefix, and the body. */
export function encode(codec, value) {
  const known = CODECS[codec];
  if (!known) throw new TypeError(`${codec} is not a codec; the codecs are ${Object.keys(CODECS).join(", ")}`);
  return concatenated([Uint8Array.from(known.prefix), known.encode(value)]);
}

/** The codec and the body of a message, or undefined if it is in none of the codecs. */
export function split(message) {
  for (const [codec, { prefix }] of Object.entries(CODECS)) {
    if (prefix.every((byte, index) => message[index] === byte)) return { codec, body: message.slice(prefix.length) };
  }
}

export function concatenated(arrays) {
  const whole = new Uint8Array(arrays.reduce((bytes, array) => bytes + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    whole.set(array, at);
    at += array.length;
  }
  return whole;
}

const REPORT = "report";

/** True if a body in CBOR asks for the component's report. */
export const asksForReport = (body) => body[0] === 0x60 + REPORT.length && utf8.lossy.decode(body.slice(1)) === REPORT;
