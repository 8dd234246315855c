// TextEncoder and TextDecoder for UTF-8, which libraries need and the engine does not have.

class Utf8Encoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return Uint8Array.from(this.#bytes(text));
  }

  encodeInto(text, into) {
    let read = 0;
    let written = 0;
    for (const character of String(text)) {
      const bytes = this.#bytes(character);
      if (written + bytes.length > into.length) break;
      into.set(bytes, written);
      read += character.length;
      written += bytes.length;
    }
    return { read, written };
  }

  #bytes(text) {
    const bytes = [];
    for (const character of String(text)) {
      let code = character.codePointAt(0);
      if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
      const rest = (shift) => 0x80 | ((code >> shift) & 0x3f);
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), rest(0));
      else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), rest(6), rest(0));
      else bytes.push(0xf0 | (code >> 18), rest(12), rest(6), rest(0));
    }
    return bytes;
  }
}

// The length of a sequence by its first byte, and the range of its second byte. The range excludes
// overlong sequences, surrogates and codes above 0x10ffff.
function sequence(first) {
  if (first < 0x80) return [1];
  if (first >= 0xc2 && first < 0xe0) return [2, 0x80, 0xbf];
  if (first >= 0xe0 && first < 0xf0) return [3, first === 0xe0 ? 0xa0 : 0x80, first === 0xed ? 0x9f : 0xbf];
  if (first >= 0xf0 && first < 0xf5) return [4, first === 0xf0 ? 0x90 : 0x80, first === 0xf4 ? 0x8f : 0xbf];
  return [0];
}

class Utf8Decoder {
  constructor(label = "utf-8", options = {}) {
    if (!/^(utf-?8)$/i.test(label)) throw new RangeError(`${label} is not supported; the only encoding is utf-8`);
    this.fatal = Boolean(options.fatal);
    this.ignoreBOM = Boolean(options.ignoreBOM);
  }

  get encoding() {
    return "utf-8";
  }

  decode(input = new Uint8Array(), options = {}) {
    if (options.stream) throw new TypeError("this decoder takes all bytes at once, not a stream");
    const bytes = ArrayBuffer.isView(input)
      ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
      : new Uint8Array(input);
    let text = "";
    const marked = !this.ignoreBOM && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    for (let at = marked ? 3 : 0; at < bytes.length; ) {
      let [length, low, high] = sequence(bytes[at]);
      let code = length === 1 ? bytes[at] : bytes[at] & (0x7f >> length);
      let read = 1;
      for (; read < length; read++, low = 0x80, high = 0xbf) {
        const byte = bytes[at + read];
        if (!(byte >= low && byte <= high)) break;
        code = (code << 6) | (byte & 0x3f);
      }
      if (length === 0 || read < length) {
        if (this.fatal) throw new TypeError("the bytes are not UTF-8");
        code = 0xfffd;
      }
      text += String.fromCodePoint(code);
      at += read;
    }
    return text;
  }
}

globalThis.TextEncoder ??= Utf8Encoder;
globalThis.TextDecoder ??= Utf8Decoder;
