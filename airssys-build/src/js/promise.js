// Promises whose callbacks run within the call that settled them.
//
// The engine's own promises run their callbacks in jobs, but the engine runs no jobs between two
// calls of the host. The build rewrites `async` functions to use these promises.

const queue = [];

/** Runs the callbacks of settled promises. */
export function drain() {
  for (let job = queue.shift(); job; job = queue.shift()) job();
}

class Promise {
  #state = "pending";
  #value;
  #reactions = [];

  constructor(executor) {
    const { resolve, reject } = this.#resolvers();
    try {
      executor(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  // The first call of either function counts.
  #resolvers() {
    let called = false;
    const once = (settle) => (value) => {
      if (called) return;
      called = true;
      settle(value);
    };
    return { resolve: once((value) => this.#resolve(value)), reject: once((error) => this.#settle("rejected", error)) };
  }

  #resolve(value) {
    if (value === this) return this.#settle("rejected", new TypeError("a promise cannot wait for itself"));
    if (value === null || (typeof value !== "object" && typeof value !== "function")) return this.#settle("fulfilled", value);
    const { resolve, reject } = this.#resolvers();
    try {
      const then = value.then;
      if (typeof then !== "function") return this.#settle("fulfilled", value);
      queue.push(() => {
        try {
          then.call(value, resolve, reject);
        } catch (error) {
          reject(error);
        }
      });
    } catch (error) {
      reject(error);
    }
  }

  #settle(state, value) {
    this.#state = state;
    this.#value = value;
    for (const reaction of this.#reactions.splice(0)) queue.push(() => reaction(state, value));
  }

  then(fulfilled, rejected) {
    return new Promise((resolve, reject) => {
      const react = (state, value) => {
        const handler = state === "fulfilled" ? fulfilled : rejected;
        if (typeof handler !== "function") return state === "fulfilled" ? resolve(value) : reject(value);
        try {
          resolve(handler(value));
        } catch (error) {
          reject(error);
        }
      };
      if (this.#state === "pending") this.#reactions.push(react);
      else queue.push(() => react(this.#state, this.#value));
    });
  }

  catch(rejected) {
    return this.then(undefined, rejected);
  }

  finally(callback) {
    return this.then(
      (value) => Promise.resolve(callback()).then(() => value),
      (error) => Promise.resolve(callback()).then(() => Promise.reject(error)),
    );
  }

  static resolve(value) {
    return value instanceof Promise ? value : new Promise((resolve) => resolve(value));
  }

  static reject(error) {
    return new Promise((_, reject) => reject(error));
  }

  static withResolvers() {
    const made = {};
    made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
    return made;
  }

  static all(promises) {
    return new Promise((resolve, reject) => {
      const values = [];
      let open = 1;
      const done = () => --open === 0 && resolve(values);
      let index = 0;
      for (const promise of promises) {
        const at = index++;
        open++;
        Promise.resolve(promise).then((value) => {
          values[at] = value;
          done();
        }, reject);
      }
      done();
    });
  }

  static allSettled(promises) {
    const settled = (promise) =>
      Promise.resolve(promise).then(
        (value) => ({ status: "fulfilled", value }),
        (reason) => ({ status: "rejected", reason }),
      );
    return Promise.all(Array.from(promises, settled));
  }

  static race(promises) {
    return new Promise((resolve, reject) => {
      for (const promise of promises) Promise.resolve(promise).then(resolve, reject);
    });
  }

  static any(promises) {
    const swapped = Array.from(promises, (promise) =>
      Promise.resolve(promise).then(
        (value) => Promise.reject(value),
        (error) => error,
      ),
    );
    return Promise.all(swapped).then(
      (errors) => Promise.reject(new AggregateError(errors, "every promise was rejected")),
      (value) => value,
    );
  }

  get [Symbol.toStringTag]() {
    return "Promise";
  }
}

globalThis.Promise = Promise;
globalThis.queueMicrotask = (callback) => void queue.push(callback);
