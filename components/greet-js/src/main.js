// Greets callers by name, and visits other components: the same as greet-rust and greet-python.

import { Rejection, component } from "airssys";

let heard = 0;

/** Computed while the component is built. */
const top = { random: Math.random(), now: Date.now(), kept: { random: Math.random, performance } };
console.info("logged while it was built");

async function visit(other, context) {
  const hello = { name: context.identity.name };
  const greetings = [];
  for (const codec of ["cbor", "json"]) {
    await context.send(other, hello, { codec });
    greetings.push(await context.request(other, hello, { codec }));
  }
  return greetings;
}

/** Returns, for two requests, the id at this end and the id at the target. */
async function ids(other, context) {
  const pairs = [];
  for (let number = 0; number < 2; number += 1) {
    let own;
    const theirs = await context.request(other, { which: true }, { sent: (id) => (own = id) });
    pairs.push([own, theirs]);
  }
  return pairs;
}

export const { lifecycle, handler } = component({
  async handle(message, context) {
    const { name, visit: other, tell, names, attempts, announce, value, which, ids: whose, probe } = message.decode();
    if (probe) return (await import("./probe.js")).answer(probe, top);
    if (other) return visit(other, context);
    if (announce) return context.publish(announce, value, { retain: true });
    if (which) return message.requestId;
    if (whose) return ids(whose, context);
    if (tell) {
      await context.sendBatch(tell, names.map((name) => ({ name })));
      return names.length;
    }
    if (message.attempt < attempts) throw Rejection.retry(`attempt ${message.attempt} of ${attempts}`);
    if (attempts) return message.attempt;
    if (!name) throw new Rejection("a message has a name, or the component to visit");
    heard += 1;
    return { text: `hello ${name}, says JavaScript`, heard };
  },
});
