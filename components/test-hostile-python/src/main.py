"""Attacks its host as its messages say: the same as test-hostile-js. Tests check that the host holds."""

import sys

import airssys
from airssys import log


def memory() -> object:
    kept = []
    while True:
        kept.append(bytearray(b"\x01") * (1 << 20))


def text() -> object:
    long = "x"
    while True:
        long = long + long + "y"


def spin() -> object:
    while True:
        pass


async def nothing() -> None:
    pass


async def microtasks() -> object:
    """Waits for nothing again and again, so that the SDK's own queue never runs empty."""
    while True:
        await nothing()


def flood() -> object:
    while True:
        log.info("flood")


def recursion() -> object:
    sys.setrecursionlimit(1 << 30)

    def deeper(number: int) -> int:
        return 1 + deeper(number + 1)

    return deeper(0)


def unhandled() -> object:
    """Throws without end in objects as they end, where no handler looks."""

    class Ends:
        def __del__(self) -> None:
            raise ValueError("unhandled")

    while True:
        Ends()


def exceptions() -> object:
    """Throws and catches without end."""
    while True:
        try:
            raise ValueError("caught")
        except ValueError:
            pass


def reason() -> object:
    raise ValueError("long " * 1_000_000)


def circle() -> object:
    """A value that has no end in any codec."""
    values: list[object] = []
    values.append(values)
    return values


ATTACKS = {
    "hello": lambda: "hello",
    "memory": memory,
    "text": text,
    "spin": spin,
    "microtasks": microtasks,
    "log": flood,
    "recursion": recursion,
    "unhandled": unhandled,
    "exceptions": exceptions,
    "reason": reason,
    "reply": lambda: "x" * (2 << 20),
    "circle": circle,
}


class Hostile:
    def __init__(self, config: dict[str, str], context: airssys.Context) -> None:
        pass

    async def handle(self, message: airssys.Message, context: airssys.Context) -> object:
        answer = ATTACKS[message.decode()]()
        return await answer if hasattr(answer, "__await__") else answer


Lifecycle, Handler = airssys.component(Hostile)
