// The types of airssys.js, for editors and for checking components in TypeScript.

/** How the value of a message is written. */
export type Codec = "cbor" | "json" | "raw";

/** A value with a codec of its own. */
export interface Encoded {
  readonly message: Uint8Array;
}

export function cbor(value: unknown): Encoded;
export function json(value: unknown): Encoded;

/** Thrown by a handler that refuses a message: a dead letter, and an error for who requested. */
export class Rejection extends Error {
  constructor(reason: string);
  /** Not now: the message is to be handled again, if the manifest says `delivery = "retry"`. */
  static retry(reason: string): Rejection;
}

/** What the host refused, or what a request came to instead of a reply. */
export class HostError extends Error {
  /** The contract's word, such as `mailbox-full`, `access-denied` or `timed-out`. */
  readonly kind: string;
  readonly detail: unknown;
  /** Of `sendBatch`: how many were taken, the first so many of the list. */
  readonly sent: number;
}

/** The message that is being handled. */
export interface Message {
  readonly codec: Codec;
  /** The value as it was sent, without the codec. */
  readonly body: Uint8Array;
  readonly sender: string;
  /** The topic it was published on, or null. */
  readonly topic: string | null;
  readonly wantsReply: boolean;
  /** Which attempt this is: 1, and more if the message is handled again. */
  readonly attempt: number;
  /** Whether it was published before this instance subscribed, and retained. */
  readonly wasRetained: boolean;
  /** The id of the request that it is, the same at both ends and in every attempt, or null. */
  readonly requestId: string | null;
  /** Its place in its trace, as a W3C `traceparent`, or null: for what leaves the app. */
  readonly traceparent: string | null;
  /** Whether it asks for this component's report. */
  readonly isReportRequest: boolean;
  /** The value in it; a `Rejection` if it is not what its codec says. */
  decode(): any;
}

export interface Options {
  /** CBOR unless given. */
  codec?: Codec;
  /** How long to wait, in milliseconds: for a reply 5,000, for room 30,000 unless given. */
  timeout?: number;
}

/** What a component can ask its host. */
export interface Context {
  readonly identity: { readonly app: string; readonly name: string; readonly incarnation: number };
  /** Puts a message into a mailbox; throws `mailbox-full` at once if there is no room. */
  trySend(target: string, value: unknown, options?: Pick<Options, "codec">): void;
  /** Puts a message into a mailbox, and waits for room if there is none. */
  send(target: string, value: unknown, options?: Options): Promise<void>;
  /** Puts messages into a mailbox, in their order; the error says how many were `sent`. */
  sendBatch(target: string, values: Iterable<unknown>, options?: Options): Promise<void>;
  /** Asks a component, waiting for room, and gives its answer: the value, or undefined if it is empty. */
  request(
    target: string,
    value: unknown,
    options?: Options & {
      /** Called with the request's id when it is in the mailbox. */
      sent?: (id: string) => void;
    },
  ): Promise<any>;
  /** Publishes on a topic, waiting for room; gives the number of subscribers that took it. */
  publish(
    topic: string,
    value: unknown,
    options?: Options & {
      /** Whoever subscribes later gets it too. */
      retain?: boolean;
    },
  ): Promise<number>;
  /** Forgets the message that is retained of a topic; false if there is none. */
  clearRetained(topic: string): boolean;
  subscribe(pattern: string): void;
  unsubscribe(pattern: string): boolean;
  /** Asks the host to stop this component, once the message at hand is finished. */
  stop(): void;
  /** How much of its limits this instance uses. */
  usage(): { readonly name: string; readonly used: number; readonly limit: number }[];
  /** Nanoseconds since some moment; never goes back. */
  monotonicNs(): number;
}

export const context: Context;

/** The component's log. */
export const log: Record<"trace" | "debug" | "info" | "warn" | "error", (...parts: unknown[]) => void>;

export type Health = { tag: "healthy" } | { tag: "degraded" | "unhealthy"; val: string };

/** The parts of a component. */
export interface Parts {
  /** What it returns is the reply; undefined is an empty one. */
  handle(message: Message, context: Context): unknown;
  /** Gets the settings; an exception is a failure of the start. */
  initialize?(config: Record<string, string>, context: Context): void;
  health?(): Health | undefined;
  shutdown?(): void;
}

/** Makes a component's exports of its parts. */
export function component(parts: Parts): { lifecycle: object; handler: object };
