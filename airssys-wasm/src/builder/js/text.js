// TextEncoder and TextDecoder for UTF-8, which libraries expect and the engine does not have.

class Utf8Encoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
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
    return Uint8Array.from(bytes);
  }
}

// The length of a sequence, and the least code that needs it, by the first byte.
function sequence(first) {
  if (first < 0x80) return [1, 0];
  if (first >= 0xc2 && first < 0xe0) return [2, 0x80];
  if (first >= 0xe0 && first < 0xf0) return [3, 0x800];
  if (first >= 0xf0 && first < 0xf5) return [4, 0x10000];
  return [0, 0];
}

class Utf8Decoder {
  constructor(label = "utf-8", options = {}) {
    if (!/^(utf-?8)$/i.test(label)) throw new RangeError(`the only encoding is utf-8, not ${label}`);
    this.fatal = Boolean(options.fatal);
  }

  get encoding() {
    return "utf-8";
  }

  decode(input = new Uint8Array()) {
    const bytes = ArrayBuffer.isView(input)
      ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
      : new Uint8Array(input);
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const [length, least] = sequence(bytes[at]);
      let code = length === 1 ? bytes[at] : bytes[at] & (0x7f >> length);
      let read = 1;
      while (read < length && (bytes[at + read] & 0xc0) === 0x80) code = (code << 6) | (bytes[at + read++] & 0x3f);
      const wrong = length === 0 || read < length || code < least || code > 0x10ffff;
      if (wrong || (code >= 0xd800 && code < 0xe000)) {
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
