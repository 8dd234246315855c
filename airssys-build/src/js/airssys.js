// What a component in JavaScript is written against: `import { component } from "airssys"`.

import "./text.js";
import { drain } from "./promise.js";
import * as cborg from "cborg";
import clock from "airssys:component/clock@0.2.0";
import logging from "airssys:component/logging@0.2.0";
import messaging from "airssys:component/messaging@0.2.0";
import system from "airssys:component/system@0.2.0";

/** How long things wait unless they say otherwise, in milliseconds. */
const SEND_MS = 30_000;
const REQUEST_MS = 5000;
const REPORT = "report";

const utf8 = {
  encode: new TextEncoder(),
  decode: new TextDecoder("utf-8", { fatal: true }),
  lossy: new TextDecoder(),
};

/** Codecs by name: the prefix of a message, and how its body is made and read. */
const CODECS = {
  cbor: { prefix: [0x51], encode: cborg.encode, decode: cborg.decode },
  json: {
    prefix: [0x80, 0x04],
    encode: (value) => utf8.encode.encode(JSON.stringify(value)),
    decode: (body) => JSON.parse(utf8.decode.decode(body)),
  },
  raw: { prefix: [0x55], encode: (bytes) => Uint8Array.from(bytes), decode: (body) => body },
};

function encode(codec, value) {
  const known = CODECS[codec];
  if (!known) throw new TypeError(`there is no codec ${codec}: ${Object.keys(CODECS).join(", ")}`);
  const body = known.encode(value);
  const message = new Uint8Array(known.prefix.length + body.length);
  message.set(known.prefix);
  message.set(body, known.prefix.length);
  return message;
}

const lengths = (messages) => messages.map((message) => message.length);

function concatenated(messages) {
  const whole = new Uint8Array(messages.reduce((bytes, message) => bytes + message.length, 0));
  let at = 0;
  for (const message of messages) {
    whole.set(message, at);
    at += message.length;
  }
  return whole;
}

function split(message) {
  for (const [codec, { prefix }] of Object.entries(CODECS)) {
    if (prefix.every((byte, index) => message[index] === byte)) return { codec, body: message.slice(prefix.length) };
  }
  throw new Rejection("the message is in none of the codecs cbor, json and raw");
}

/** Thrown by a handler that refuses a message: a dead letter, and an error for who requested. */
export class Rejection extends Error {
  name = "Rejection";

  /** Not now: the message is to be handled again, if the manifest says `delivery = "retry"`. */
  static retry(reason) {
    return Object.assign(new Rejection(reason), { completion: "retry" });
  }

  completion = "rejected";
}

/** What the host refused, or what a request came to instead of a reply; `kind` is the contract's word. */
export class HostError extends Error {
  name = "HostError";

  constructor(doing, error) {
    const { tag = String(error), val } = error ?? {};
    super(`${doing}: ${tag}${val === undefined || val === null ? "" : ` (${JSON.stringify(val)})`}`);
    this.kind = tag;
    this.detail = val;
  }

  /** Of `sendBatch`: how many were taken, the first so many of the list. */
  sent = 0;
}

/** A reply in a codec of its own; else a reply is in the codec of the message. */
class Encoded {
  constructor(codec, value) {
    this.message = encode(codec, value);
  }
}

export const cbor = (value) => new Encoded("cbor", value);
export const json = (value) => new Encoded("json", value);

function outgoing(value, codec = "cbor") {
  return value instanceof Encoded ? value.message : encode(codec, value);
}

// Results of the host come as values or as exceptions that carry the error.
function call(doing, function_) {
  try {
    return function_();
  } catch (error) {
    throw new HostError(doing, error?.payload ?? error);
  }
}

/** What waits for a callback, by its request. */
const waiting = new Map();

function callback(request, doing) {
  const { promise, resolve, reject } = Promise.withResolvers();
  waiting.set(request, { resolve, reject, doing });
  return promise;
}

class Message {
  #body;
  #info;

  constructor(id, bytes) {
    const { codec, body } = split(bytes);
    this.codec = codec;
    this.#body = body;
    this.#info = messaging.describe(id);
  }

  get body() {
    return this.#body;
  }

  /** The value in it. */
  decode() {
    try {
      return CODECS[this.codec].decode(this.#body);
    } catch (error) {
      throw new Rejection(`the message is not what its codec ${this.codec} says: ${error.message}`);
    }
  }

  get sender() {
    return this.#info.sender;
  }

  /** The topic it was published on, or null. */
  get topic() {
    return this.#info.topic ?? null;
  }

  get wantsReply() {
    return this.#info.wantsReply;
  }

  /** Which attempt this is: 1, and more if the message is handled again. */
  get attempt() {
    return this.#info.attempt;
  }

  /** Whether it was published before this instance subscribed, and retained. */
  get wasRetained() {
    return this.#info.retained;
  }

  /** The id of the request that it is, the same at both ends and in every attempt, or null. */
  get requestId() {
    return this.#info.request ?? null;
  }

  /** Its place in its trace, as a W3C `traceparent`, or null: for what leaves the app. */
  get traceparent() {
    return this.#info.traceparent ?? null;
  }

  /** Whether it asks for this component's report. */
  get isReportRequest() {
    return this.codec === "cbor" && utf8.lossy.decode(this.#body.slice(1)) === REPORT && this.#body[0] === 0x60 + REPORT.length;
  }
}

let ownName;
const isOwn = (target) => target === (ownName ??= system.selfId().name);

/** Hands something to the host; at a full mailbox it waits for room, so many milliseconds in all. */
async function delivered(doing, timeout, attempt, awaitRoom) {
  let deadline;
  for (;;) {
    try {
      return call(doing, () => attempt(timeout));
    } catch (error) {
      if (error.kind !== "mailbox-full" || !awaitRoom) throw error;
    }
    const now = Number(clock.monotonicNs()) / 1e6;
    deadline ??= now + timeout;
    timeout = Math.ceil(deadline - now);
    if (timeout <= 0) throw new HostError(doing, { tag: "timed-out" });
    const request = call(doing, () => awaitRoom(timeout));
    await callback(request, doing);
  }
}

/** Waits for room in a mailbox; nobody can wait for its own. */
const roomOf = (target, to) => (isOwn(target) ? undefined : (time) => messaging.awaitRoom(to, time));

/** What a component can ask its host. Times are in milliseconds. */
export const context = {
  get identity() {
    return system.selfId();
  },

  /** Puts a message into a mailbox; throws `mailbox-full` at once if there is no room. */
  trySend(target, value, { codec } = {}) {
    const body = outgoing(value, codec);
    call(`send to ${target}`, () => messaging.sendMessage(messaging.resolve(target), body));
  },

  /** Puts a message into a mailbox, and waits for room if there is none. */
  async send(target, value, { codec, timeout = SEND_MS } = {}) {
    const body = outgoing(value, codec);
    const doing = `send to ${target}`;
    const to = call(doing, () => messaging.resolve(target));
    await delivered(doing, timeout, () => messaging.sendMessage(to, body), roomOf(target, to));
  },

  /** Puts messages into a mailbox, in their order; the error says how many were `sent`. */
  async sendBatch(target, values, { codec, timeout = SEND_MS } = {}) {
    const bodies = Array.from(values, (value) => outgoing(value, codec));
    const doing = `send to ${target}`;
    const to = call(doing, () => messaging.resolve(target));
    let sent = 0;
    const some = () => {
      const rest = bodies.slice(sent);
      const result = messaging.sendBatch(to, lengths(rest), concatenated(rest));
      sent += result.sent;
      if (result.stopped) throw result.stopped;
    };
    try {
      await delivered(doing, timeout, some, roomOf(target, to));
    } catch (error) {
      throw Object.assign(error, { sent });
    }
  },

  /**
   * Asks a component, waiting for room, and gives its answer: the value, or undefined if it is empty.
   * `sent` is called with the request's id when it is in the mailbox.
   */
  async request(target, value, { codec, timeout = REQUEST_MS, sent } = {}) {
    const body = outgoing(value, codec);
    const doing = `request to ${target}`;
    if (isOwn(target)) throw new HostError(doing, { tag: "other", val: "a component cannot wait for itself" });
    const to = call(doing, () => messaging.resolve(target));
    const request = (time) => messaging.sendRequest(to, body, time);
    const id = await delivered(doing, timeout, request, roomOf(target, to));
    const answered = callback(id, doing);
    sent?.(messaging.requestUuid(id));
    const reply = await answered;
    if (reply.length === 0) return undefined;
    const { codec: replied, body: answer } = split(reply);
    return CODECS[replied].decode(answer);
  },

  /**
   * Publishes on a topic, waiting for room; gives the number of subscribers that took it. With
   * `retain`, whoever subscribes later gets it too.
   */
  async publish(topic, value, { codec, timeout = SEND_MS, retain = false } = {}) {
    const body = outgoing(value, codec);
    const doing = `publish on ${topic}`;
    const on = call(doing, () => messaging.resolveTopic(topic));
    const room = (time) => messaging.awaitTopicRoom(on, time);
    const publish = () => (retain ? messaging.publishRetained(on, body) : messaging.publish(on, body));
    return delivered(doing, timeout, publish, room);
  },

  /** Forgets the message that is retained of a topic; false if there is none. */
  clearRetained(topic) {
    return call(`clear ${topic}`, () => messaging.clearRetained(messaging.resolveTopic(topic)));
  },

  subscribe(pattern) {
    call(`subscribe to ${pattern}`, () => messaging.subscribe(pattern));
  },

  unsubscribe(pattern) {
    return messaging.unsubscribe(pattern);
  },

  /** Asks the host to stop this component, once the message at hand is finished. */
  stop() {
    system.stopSelf();
  },

  /** How much of its limits this instance uses: a list of `{ name, used, limit }`. */
  usage() {
    return system.usage();
  },

  /** Nanoseconds since some moment; never goes back. */
  monotonicNs() {
    return clock.monotonicNs();
  },
};

const line = (level) => (...parts) => logging.log(level, parts.map(String).join(" "));

/** The component's log. */
export const log = Object.fromEntries(["trace", "debug", "info", "warn", "error"].map((level) => [level, line(level)]));

/** The exception that ends the instance, if one does. */
let fatal;

function crash(error) {
  fatal ??= { error };
}

/** Runs a call of the host to its end, and lets the instance fail if something in it has. */
function enter(function_) {
  try {
    const result = function_();
    drain();
    if (fatal) throw fatal.error;
    return typeof result === "function" ? result() : result;
  } catch (error) {
    system.reportPanic(error?.stack ? `${error}\n${error.stack}` : String(error));
    throw error;
  }
}

function completion(reply, codec) {
  if (reply === undefined) return { tag: "done" };
  return { tag: "reply", val: outgoing(reply, codec) };
}

/** Handles a message; gives a function that says, after `drain`, what has come of it. */
function handling(handle, id, bytes) {
  let state = { outcome: { tag: "deferred" } };
  const finish = (how) => {
    if (state.returned) call("complete", () => messaging.complete(id, how));
    else state.outcome = { tag: "completed", val: how };
  };
  const failed = (error) => (error instanceof Rejection ? finish({ tag: error.completion, val: error.message }) : crash(error));
  let codec;
  const handled = async () => {
    const message = new Message(id, bytes);
    codec = message.codec;
    return handle(message, context);
  };
  handled()
    .then((reply) => finish(completion(reply, codec)))
    .catch(failed);
  return () => {
    state.returned = true;
    return state.outcome;
  };
}

/**
 * Makes a component's exports of its parts: `export const { lifecycle, handler } = component({ handle })`.
 *
 * `handle(message, context)` may be async; what it returns is the reply. `initialize(config,
 * context)` gets the settings as an object of texts; an exception is a failure of the start.
 */
export function component({ handle, initialize, health, shutdown }) {
  const lifecycle = {
    initialize(settings) {
      try {
        initialize?.(Object.fromEntries(settings), context);
        drain();
      } catch (error) {
        throw error instanceof Error ? error.message : String(error);
      }
      if (fatal) throw String(fatal.error);
    },
    health: () => enter(() => health?.() ?? { tag: "healthy" }),
    shutdown: () => enter(() => void shutdown?.()),
  };
  const handler = {
    handleMessage: (id, bytes) => enter(() => handling(handle, id, bytes)),
    handleCallback: (request, what) =>
      enter(() => {
        const waiter = waiting.get(request);
        waiting.delete(request);
        if (what.tag === "failed") waiter?.reject(new HostError(waiter.doing, what.val));
        else waiter?.resolve(what.val);
      }),
  };
  return { lifecycle, handler };
}
