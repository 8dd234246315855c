"""Shows tests what a component in Python can use. It is imported by a handler."""

import random
import sys
import time

import airssys
from airssys import log


def modules() -> dict[str, str]:
    """Returns the modules of the standard library that cannot be imported, each with the reason."""
    absent = {}
    for name in sorted(sys.stdlib_module_names):
        # These two print a text, or open a browser.
        if name.startswith("_") or name in ("antigravity", "this"):
            continue
        try:
            __import__(name)
        except ImportError as error:
            absent[name] = str(error)
    return absent


def numbers(top: object) -> dict[str, object]:
    import secrets
    import uuid

    return {
        "top": top,
        "now": time.time(),
        "numbers": [random.random() for _ in range(300)],
        "uuids": [str(uuid.uuid4()), str(uuid.uuid4())],
        "bytes": list(secrets.token_bytes(16)),
    }


def write() -> None:
    log.info("log", [1, None])
    try:
        fail()
    except TypeError as error:
        log.warn(error)
    print("printed")


def fail() -> None:
    try:
        raise KeyError("the cause")
    except KeyError as error:
        raise TypeError("failed on purpose") from error


def nested(times: int) -> int:
    """Calls itself so many times, each call inside the one before."""
    return 1 if times <= 1 else 1 + nested(times - 1)


def answer(question: str, top: object, message: airssys.Message) -> object:
    match question.split(" "):
        case ["nested", times]:
            return nested(int(times))
    match question:
        case "modules":
            return modules()
        case "random":
            return numbers(top)
        case "write":
            return write()
        case "fail":
            return fail()
        case "decode":
            return "decoded"
    raise airssys.Rejection(f"{question} is no question")
