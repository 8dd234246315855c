// The types of airssys.js, for editors and for components in TypeScript.

/** The codec of a message's value. */
export type Codec = "cbor" | "json" | "raw";

/** A value with a codec of its own. */
export interface Encoded {
  readonly message: Uint8Array;
}

export function cbor(value: unknown): Encoded;
export function json(value: unknown): Encoded;

/** Thrown by a handler that refuses a message. It becomes a dead letter, and the requester gets an error. */
export class Rejection extends Error {
  constructor(reason: string);
  /** Asks for another attempt, which comes if the manifest says `delivery = "retry"`. */
  static retry(reason: string): Rejection;
}

/** A refusal of the host, or the failure of a request. */
export class HostError extends Error {
  /** The contract's name for it, such as `mailbox-full`, `access-denied` or `timed-out`. */
  readonly kind: string;
  readonly detail: unknown;
  /** For `sendBatch`: the number of messages that were taken, from the first on. */
  readonly sent: number;
}

/** The message that is being handled. */
export interface Message {
  readonly codec: Codec;
  /** The encoded value, without the codec prefix. */
  readonly body: Uint8Array;
  readonly sender: string;
  /** The topic it was published on, or null. */
  readonly topic: string | null;
  readonly wantsReply: boolean;
  /** The number of this attempt: 1, and more if the message is handled again. */
  readonly attempt: number;
  /** True if the message was retained, and published before this instance subscribed. */
  readonly wasRetained: boolean;
  /** The id of the request, the same at both ends and in every attempt, or null. */
  readonly requestId: string | null;
  /** The place in its trace, as a W3C `traceparent`, for calls that leave the app, or null. */
  readonly traceparent: string | null;
  /** True if the message asks for this component's report. */
  readonly isReportRequest: boolean;
  /** The message's value. Throws a `Rejection` if the body is not valid in its codec. */
  decode(): any;
}

export interface Options {
  /** The codec; CBOR by default. */
  codec?: Codec;
  /** The longest wait, in milliseconds; by default 5,000 for a reply and 30,000 for room. */
  timeout?: number;
}

/** The component's access to its host. */
export interface Context {
  readonly identity: { readonly app: string; readonly name: string; readonly incarnation: number };
  /** Puts a message into a mailbox; throws `mailbox-full` at once if it has no room. */
  trySend(target: string, value: unknown, options?: Pick<Options, "codec">): void;
  /** Puts a message into a mailbox, and waits for room if it has none. */
  send(target: string, value: unknown, options?: Options): Promise<void>;
  /** Puts a batch of messages into a mailbox, in order; an error says how many were `sent`. */
  sendBatch(target: string, values: Iterable<unknown>, options?: Options): Promise<void>;
  /** Sends a request, waiting for room. Returns the value of the reply, or undefined if it is empty. */
  request(
    target: string,
    value: unknown,
    options?: Options & {
      /** Called with the request's id when the request is in the mailbox. */
      sent?: (id: string) => void;
    },
  ): Promise<any>;
  /** Publishes on a topic, waiting for room. Returns the number of subscribers that took the message. */
  publish(
    topic: string,
    value: unknown,
    options?: Options & {
      /** Later subscribers get the message too. */
      retain?: boolean;
    },
  ): Promise<number>;
  /** Clears the retained message of a topic. Returns false if no message is retained. */
  clearRetained(topic: string): boolean;
  subscribe(pattern: string): void;
  unsubscribe(pattern: string): boolean;
  /** Asks the host to stop this component, after the current message is finished. */
  stop(): void;
  /** The usage of this instance's limits. */
  usage(): { readonly name: string; readonly used: number; readonly limit: number }[];
  /** Nanoseconds since a fixed moment; never goes back. */
  monotonicNs(): number;
}

export const context: Context;

/** The component's log. */
export const log: Record<"trace" | "debug" | "info" | "warn" | "error", (...parts: unknown[]) => void>;

export type Health = { tag: "healthy" } | { tag: "degraded" | "unhealthy"; val: string };

/** The functions of a component. */
export interface Parts {
  /** Handles a message. The return value is the reply; undefined is an empty one. */
  handle(message: Message, context: Context): unknown;
  /** Starts with the settings; an exception is a failure of the start. */
  initialize?(config: Record<string, string>, context: Context): void;
  health?(): Health | undefined;
  shutdown?(): void;
}

/** Makes a component's exports. */
export function component(parts: Parts): { lifecycle: object; handler: object };
