// The SDK for components in JavaScript: `import { component } from "airssys"`.

import "./text.js";
import { drain } from "./promise.js";
import * as cborg from "cborg";
import clock from "airssys:component/clock@0.2.0";
import logging from "airssys:component/logging@0.2.0";
import messaging from "airssys:component/messaging@0.2.0";
import system from "airssys:component/system@0.2.0";

/** The default timeouts, in milliseconds. */
const SEND_MS = 30_000;
const REQUEST_MS = 5000;
const REPORT = "report";

const utf8 = {
  encode: new TextEncoder(),
  decode: new TextDecoder("utf-8", { fatal: true }),
  lossy: new TextDecoder(),
};

/** The codecs by name: the prefix of a message, and the functions that write and read its body. */
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
  if (!known) throw new TypeError(`${codec} is not a codec; the codecs are ${Object.keys(CODECS).join(", ")}`);
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
  throw new Rejection("the message is not in one of the codecs cbor, json and raw");
}

/** Thrown by a handler that refuses a message. It becomes a dead letter, and the requester gets an error. */
export class Rejection extends Error {
  name = "Rejection";

  /** Asks for another attempt, which comes if the manifest says `delivery = "retry"`. */
  static retry(reason) {
    return Object.assign(new Rejection(reason), { completion: "retry" });
  }

  completion = "rejected";
}

/** A refusal of the host, or the failure of a request; `kind` is the contract's name for it. */
export class HostError extends Error {
  name = "HostError";

  constructor(doing, error) {
    const { tag = String(error), val } = error ?? {};
    super(`${doing}: ${tag}${val === undefined || val === null ? "" : ` (${JSON.stringify(val)})`}`);
    this.kind = tag;
    this.detail = val;
  }

  /** For `sendBatch`: the number of messages that were taken, from the first on. */
  sent = 0;
}

/** A value with a codec of its own. Other replies are in the codec of their message. */
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

// The host's results come as values, its errors as exceptions with the error in `payload`.
function call(doing, function_) {
  try {
    return function_();
  } catch (error) {
    throw new HostError(doing, error?.payload ?? error);
  }
}

/** The waits for callbacks, by request. */
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

  /** The message's value. */
  decode() {
    try {
      return CODECS[this.codec].decode(this.#body);
    } catch (error) {
      throw new Rejection(`the message is not valid ${this.codec}: ${error.message}`);
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

  /** The number of this attempt: 1, and more if the message is handled again. */
  get attempt() {
    return this.#info.attempt;
  }

  /** True if the message was retained, and published before this instance subscribed. */
  get wasRetained() {
    return this.#info.retained;
  }

  /** The id of the request, the same at both ends and in every attempt, or null. */
  get requestId() {
    return this.#info.request ?? null;
  }

  /** The place in its trace, as a W3C `traceparent`, for calls that leave the app, or null. */
  get traceparent() {
    return this.#info.traceparent ?? null;
  }

  /** True if the message asks for this component's report. */
  get isReportRequest() {
    return this.codec === "cbor" && utf8.lossy.decode(this.#body.slice(1)) === REPORT && this.#body[0] === 0x60 + REPORT.length;
  }
}

let ownName;
const isOwn = (target) => target === (ownName ??= system.selfId().name);

/** Repeats an attempt until the mailbox has room, for at most this many milliseconds in all. */
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

/** Waits for room in a mailbox. A component cannot wait for its own. */
const roomOf = (target, to) => (isOwn(target) ? undefined : (time) => messaging.awaitRoom(to, time));

/** The component's access to its host. Times are in milliseconds. */
export const context = {
  get identity() {
    return system.selfId();
  },

  /** Puts a message into a mailbox; throws `mailbox-full` at once if it has no room. */
  trySend(target, value, { codec } = {}) {
    const body = outgoing(value, codec);
    call(`send to ${target}`, () => messaging.sendMessage(messaging.resolve(target), body));
  },

  /** Puts a message into a mailbox, and waits for room if it has none. */
  async send(target, value, { codec, timeout = SEND_MS } = {}) {
    const body = outgoing(value, codec);
    const doing = `send to ${target}`;
    const to = call(doing, () => messaging.resolve(target));
    await delivered(doing, timeout, () => messaging.sendMessage(to, body), roomOf(target, to));
  },

  /** Puts a batch of messages into a mailbox, in order; an error says how many were `sent`. */
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
   * Sends a request, waiting for room. Returns the value of the reply, or undefined if it is empty.
   * `sent` is called with the request's id when the request is in the mailbox.
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
   * Publishes on a topic, waiting for room. Returns the number of subscribers that took the message.
   * With `retain`, later subscribers get the message too.
   */
  async publish(topic, value, { codec, timeout = SEND_MS, retain = false } = {}) {
    const body = outgoing(value, codec);
    const doing = `publish on ${topic}`;
    const on = call(doing, () => messaging.resolveTopic(topic));
    const room = (time) => messaging.awaitTopicRoom(on, time);
    const publish = () => (retain ? messaging.publishRetained(on, body) : messaging.publish(on, body));
    return delivered(doing, timeout, publish, room);
  },

  /** Clears the retained message of a topic. Returns false if no message is retained. */
  clearRetained(topic) {
    return call(`clear ${topic}`, () => messaging.clearRetained(messaging.resolveTopic(topic)));
  },

  subscribe(pattern) {
    call(`subscribe to ${pattern}`, () => messaging.subscribe(pattern));
  },

  unsubscribe(pattern) {
    return messaging.unsubscribe(pattern);
  },

  /** Asks the host to stop this component, after the current message is finished. */
  stop() {
    system.stopSelf();
  },

  /** The usage of this instance's limits: a list of `{ name, used, limit }`. */
  usage() {
    return system.usage();
  },

  /** Nanoseconds since a fixed moment; never goes back. */
  monotonicNs() {
    return clock.monotonicNs();
  },
};

const line = (level) => (...parts) => logging.log(level, parts.map(String).join(" "));

/** The component's log. */
export const log = Object.fromEntries(["trace", "debug", "info", "warn", "error"].map((level) => [level, line(level)]));

/** The exception that ends the instance, if one was thrown. */
let fatal;

function crash(error) {
  fatal ??= { error };
}

/** Runs a call of the host to its end. Fails the instance if anything in the call has failed. */
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

/** Handles a message. Returns a function that gives the outcome after `drain`. */
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
 * Makes a component's exports: `export const { lifecycle, handler } = component({ handle })`.
 *
 * `handle(message, context)` may be async; its return value is the reply. `initialize(config,
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
