"""Greets callers by name, and visits other components: the same as greet-rust and greet-js."""

import random
import time

import airssys

# Computed while the component is built.
TOP = {"random": random.random(), "now": time.time()}
airssys.log.info("logged while it was built")


class Greeter:
    def __init__(self, config: dict[str, str], context: airssys.Context) -> None:
        self.heard = 0

    async def handle(self, message: airssys.Message, context: airssys.Context) -> object:
        match message.decode():
            case {"visit": other}:
                return await self.visit(other, context)
            case {"tell": other, "names": names}:
                await context.send_batch(other, [{"name": name} for name in names])
                return len(names)
            case {"announce": topic, "value": value}:
                return await context.publish(topic, value, retain=True)
            case {"which": True}:
                return message.request_id
            case {"probe": question}:
                import probe

                return probe.answer(question, TOP, message)
            case {"values": values}:
                return [f"{type(value).__name__} {value}" for value in values]
            case {"ids": other}:
                return await self.ids(other, context)
            case {"attempts": attempts}:
                if message.attempt < attempts:
                    raise airssys.Rejection.retry(f"attempt {message.attempt} of {attempts}")
                return message.attempt
            case {"name": name}:
                self.heard += 1
                return {"text": f"hello {name}, says Python", "heard": self.heard}
        raise airssys.Rejection("a message has a name, or the component to visit")

    async def visit(self, other: str, context: airssys.Context) -> list[object]:
        hello = {"name": context.identity.name}
        greetings = []
        for codec in ["cbor", "json"]:
            await context.send(other, hello, codec=codec)
            greetings.append(await context.request(other, hello, codec=codec))
        return greetings

    async def ids(self, other: str, context: airssys.Context) -> list[list[object]]:
        """Returns, for two requests, the id at this end and the id at the target."""
        pairs = []
        for _ in range(2):
            own: list[str] = []
            theirs = await context.request(other, {"which": True}, sent=own.append)
            pairs.append([*own, theirs])
        return pairs


Lifecycle, Handler = airssys.component(Greeter)
