// The SDK for components in JavaScript: `import { component } from "airssys"`.

import "./globals.js";
import { asksForReport, CODECS, concatenated, encode, split } from "./codecs.js";
import { log } from "./console.js";
import { clock, messaging, system } from "./host.js";
import { drain } from "./promise.js";
import { described, mapped, summary } from "./trace.js";

export { log };

/** The default timeouts, in milliseconds. */
const SEND_MS = 30_000;
const REQUEST_MS = 5000;

const lengths = (messages) => messages.map((message) => message.length);

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
    const { codec, body } = split(bytes) ?? {};
    if (!codec) throw new Rejection("the message is not in one of the codecs cbor, json and raw");
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
    return this.codec === "cbor" && asksForReport(this.#body);
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
    const { codec: replied, body: answer } = split(reply) ?? {};
    if (!replied) throw new HostError(doing, { tag: "codec-refused", val: "the reply is not in cbor, json or raw" });
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
    system.reportPanic(described(error));
    // The engine writes the stack to the log too.
    if (error instanceof Error) error.stack = mapped(error.stack ?? "");
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
  const failed = (error) => (error instanceof Rejection ? finish({ tag: error.completion, val: mapped(error.message) }) : crash(error));
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

/** The value, or the rejection of a promise once it is known. */
function watched(value) {
  if (typeof value?.then === "function") Promise.resolve(value).then(undefined, crash);
  return value;
}

/** The end of a call in `initialize`: its text goes to the host as the reason why the start failed. */
function startFailure(error) {
  log.debug(described(error));
  return mapped(summary(error));
}

function healthOf(status) {
  if (typeof status?.tag === "string") return status;
  if (status === undefined) return { tag: "healthy" };
  throw new TypeError('`health` returns nothing, or { tag: "degraded", val: "a reason" } or { tag: "unhealthy", val: "a reason" }');
}

const PARTS = ["handle", "initialize", "health", "shutdown"];

function checkParts(parts) {
  const found = Object.keys(parts ?? {}).join(", ") || "nothing";
  if (typeof parts?.handle !== "function") {
    throw new TypeError(`component() has got no function \`handle\` (it has got ${found}); pass it as component({ handle(message, context) { … } })`);
  }
  for (const part of PARTS) {
    if (parts[part] !== undefined && typeof parts[part] !== "function") throw new TypeError(`component() has got a \`${part}\` that is not a function`);
  }
}

/**
 * Makes a component's exports: `export const { lifecycle, handler } = component({ handle })`.
 *
 * `handle(message, context)` may be async; its return value is the reply. `initialize(config,
 * context)` gets the settings as an object of texts; an exception is a failure of the start.
 */
export function component(parts) {
  checkParts(parts);
  const { handle, initialize, health, shutdown } = parts;
  const lifecycle = {
    initialize(settings) {
      try {
        watched(initialize?.(Object.fromEntries(settings), context));
        drain();
      } catch (error) {
        throw startFailure(error);
      }
      if (fatal) throw startFailure(fatal.error);
    },
    health: () => enter(() => healthOf(health?.())),
    shutdown: () => enter(() => void watched(shutdown?.())),
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
