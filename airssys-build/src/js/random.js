// Math.random and crypto, from the host's random bytes.
//
// The engine's own generator would continue in every instance with the numbers of the build.

import { onStart, random } from "./host.js";

const MOST_BYTES = 65_536;
const POOL = 256;

let pool = new Uint32Array(0);
let at = 0;

function next() {
  if (at === pool.length) {
    pool = new Uint32Array(bytes(POOL * 4).buffer);
    at = 0;
  }
  return pool[at++];
}

const bytes = (count) => Uint8Array.from(random.getRandomBytes(count));

let hasStarted = false;
onStart(() => (hasStarted = true));

const engines = Math.random;

// One function for the build and for instances, because a library may keep it at its top level.
Math.random = function random() {
  if (!hasStarted) return engines();
  // 53 bits, as many as a number between 0 and 1 has.
  return ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
};

/** Random bytes for keys and ids. */
class Crypto {
  getRandomValues(array) {
    const isInteger = ArrayBuffer.isView(array) && !(array instanceof DataView) && !/^Float/.test(array[Symbol.toStringTag]);
    if (!isInteger) throw new DOMException("getRandomValues takes an array of integers", "TypeMismatchError");
    if (array.byteLength > MOST_BYTES) {
      throw new DOMException(`getRandomValues takes at most ${MOST_BYTES} bytes, not ${array.byteLength}`, "QuotaExceededError");
    }
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(bytes(array.byteLength));
    return array;
  }

  randomUUID() {
    const uuid = bytes(16);
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    const digits = Array.from(uuid, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  get [Symbol.toStringTag]() {
    return "Crypto";
  }
}

globalThis.crypto = new Crypto();
