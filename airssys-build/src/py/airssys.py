"""The SDK for components in Python.

A component is a class with an `async def handle(self, message, context)`, and two names that the
host looks for: `Lifecycle, Handler = airssys.component(TheClass)`.
"""

import inspect
import io
import json as _json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import airssys_nesting
import airssys_trace
import cbor2
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import handler as _outcome
from wit_world.exports import lifecycle as _status
from wit_world.imports import clock, logging, messaging, system, types

SEND_MS = 30_000
REQUEST_MS = 5_000
"""The default timeouts, in milliseconds."""

_REPORT = "report"
_CBOR_BREAK = b"\xff"


def _kebab(case: object) -> str:
    """The contract's name for a case: `access-denied` for `SendError_AccessDenied`."""
    name = type(case).__name__.rpartition("_")[2]
    return "".join("-" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("-")


class Rejection(Exception):
    """Raised by a handler that refuses a message.

    The message becomes a dead letter, and the requester gets an error.
    """

    _completion = types.Completion_Rejected

    @classmethod
    def retry(cls, reason: str) -> "Rejection":
        """Asks for another attempt, which comes if the manifest says `delivery = "retry"`."""
        rejection = cls(reason)
        rejection._completion = types.Completion_Retry
        return rejection


class HostError(Exception):
    """A refusal of the host, or the failure of a request; `kind` is the contract's name for it."""

    def __init__(self, doing: str, error: object) -> None:
        self.kind = _kebab(error)
        self.detail = getattr(error, "value", None)
        self.sent = 0
        """For `send_batch`: the number of messages that were taken, from the first on."""
        super().__init__(f"{doing}: {self.kind}" + (f" ({self.detail})" if self.detail else ""))


@dataclass
class _Codec:
    prefix: bytes
    encode: object
    decode: object


def _read_cbor(body: bytes) -> object:
    """Reads the value, which has to be the whole body."""
    airssys_nesting.check_cbor(body)
    stream = io.BytesIO(body)
    # The decoder counts the value inside of the last level too.
    value = cbor2.CBORDecoder(stream, max_depth=airssys_nesting.CBOR_DEPTH + 1).decode()
    if stream.read(1) or body.startswith(_CBOR_BREAK):
        raise ValueError("the body is not exactly one value")
    return value


def _read_json(body: bytes) -> object:
    airssys_nesting.check_json(body)
    # Given bytes, `loads` would also read UTF-16, UTF-32 and a mark at the start.
    return _json.loads(body.decode(), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"JSON has no {name}")


_CODECS = {
    "cbor": _Codec(b"\x51", cbor2.dumps, _read_cbor),
    "json": _Codec(
        b"\x80\x04",
        lambda value: _json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(),
        _read_json,
    ),
    "raw": _Codec(b"\x55", bytes, bytes),
}


def _encode(codec: str, value: object) -> bytes:
    known = _CODECS.get(codec)
    if known is None:
        raise ValueError(f"{codec} is not a codec; the codecs are {', '.join(_CODECS)}")
    return known.prefix + known.encode(value)


def _split(message: bytes) -> tuple[str, bytes]:
    for name, codec in _CODECS.items():
        if message.startswith(codec.prefix):
            return name, message[len(codec.prefix) :]
    raise Rejection("the message is not in one of the codecs cbor, json and raw")


class _Encoded:
    """A value with a codec of its own. Other replies are in the codec of their message."""

    def __init__(self, codec: str, value: object) -> None:
        self.message = _encode(codec, value)


def cbor(value: object) -> _Encoded:
    return _Encoded("cbor", value)


def json(value: object) -> _Encoded:
    return _Encoded("json", value)


def _outgoing(value: object, codec: str) -> bytes:
    return value.message if isinstance(value, _Encoded) else _encode(codec, value)


_has_started = False


def _start() -> None:
    """Begins the life of an instance, which has the memory of the build."""
    global _has_started
    _has_started = True
    # Every instance would continue with the random numbers of the build.
    if "random" in sys.modules:
        sys.modules["random"].seed()
    for level, line in _early_lines:
        logging.log(level, line)
    _early_lines.clear()


def _need_host(function) -> None:
    if not _has_started:
        name = getattr(function, "__name__", function)
        raise RuntimeError(
            f"the host has no `{name}` yet, because the top level of a component runs when it is built; "
            "move the call into `__init__` or `handle`"
        )


def _call(doing: str, function, *arguments):
    _need_host(function)
    try:
        return function(*arguments)
    except Err as error:
        raise HostError(doing, error.value) from None


class _Callback:
    """Awaits the callback of a request, or of a wait for room."""

    def __init__(self, request: int, doing: str) -> None:
        self.request = request
        self.doing = doing

    def __await__(self):
        what = yield self
        if isinstance(what, types.Callback_Failed):
            raise HostError(self.doing, what.value)
        return getattr(what, "value", None)


class Message:
    """The message that is being handled."""

    def __init__(self, id: int, body: bytes) -> None:
        self.codec, self.body = _split(body)
        info = messaging.describe(id)
        self.sender = info.sender
        self.topic = info.topic
        """The topic that the message was published on, or None."""
        self.wants_reply = info.wants_reply
        self.attempt = info.attempt
        """The number of this attempt: 1, and more if the message is handled again."""
        self.was_retained = info.retained
        """True if the message was retained, and published before this instance subscribed."""
        self.request_id = info.request
        """The id of the request, the same at both ends and in every attempt, or None."""
        self.traceparent = info.traceparent
        """The place in its trace, as a W3C `traceparent`, for calls that leave the app, or None."""

    def decode(self) -> object:
        """The message's value. Raises a `Rejection` if the body is not valid in its codec."""
        try:
            return _CODECS[self.codec].decode(self.body)
        except Exception as error:
            raise Rejection(f"the message is not valid {self.codec}: {error}") from error

    @property
    def is_report_request(self) -> bool:
        """True if the message asks for this component's report."""
        return self.codec == "cbor" and self.body == cbor2.dumps(_REPORT)


class Context:
    """The component's access to its host. Times are in milliseconds."""

    @property
    def identity(self) -> system.Identity:
        _need_host("identity")
        return system.self_id()

    def try_send(self, target: str, value: object, codec: str = "cbor") -> None:
        """Puts a message into a mailbox; raises `mailbox-full` at once if it has no room."""
        doing, body = f"send to {target}", _outgoing(value, codec)
        _call(doing, messaging.send_message, _call(doing, messaging.resolve, target), body)

    async def send(self, target: str, value: object, codec: str = "cbor", timeout: int = SEND_MS) -> None:
        """Puts a message into a mailbox, and waits for room if it has none."""
        doing, body = f"send to {target}", _outgoing(value, codec)
        to = _call(doing, messaging.resolve, target)
        await _delivered(doing, timeout, lambda _: messaging.send_message(to, body), self._room_of(target, to))

    async def send_batch(
        self, target: str, values: Iterable[object], codec: str = "cbor", timeout: int = SEND_MS
    ) -> None:
        """Puts a batch of messages into a mailbox, in order; an error says how many were `sent`."""
        doing, bodies = f"send to {target}", [_outgoing(value, codec) for value in values]
        to = _call(doing, messaging.resolve, target)
        sent = 0

        def some(_):
            nonlocal sent
            rest = bodies[sent:]
            result = messaging.send_batch(to, [len(body) for body in rest], b"".join(rest))
            sent += result.sent
            if result.stopped is not None:
                raise Err(result.stopped)

        try:
            await _delivered(doing, timeout, some, self._room_of(target, to))
        except HostError as error:
            error.sent = sent
            raise

    async def publish(
        self, topic: str, value: object, codec: str = "cbor", timeout: int = SEND_MS, retain: bool = False
    ) -> int:
        """Publishes on a topic, waiting for room. Returns the number of subscribers that took it.

        With `retain`, later subscribers get the message too.
        """
        publish = messaging.publish_retained if retain else messaging.publish
        doing, body = f"publish on {topic}", _outgoing(value, codec)
        on = _call(doing, messaging.resolve_topic, topic)
        return await _delivered(
            doing,
            timeout,
            lambda _: publish(on, body),
            lambda time: messaging.await_topic_room(on, time),
        )

    def clear_retained(self, topic: str) -> bool:
        """Clears the retained message of a topic. Returns False if no message is retained."""
        doing = f"clear {topic}"
        return _call(doing, messaging.clear_retained, _call(doing, messaging.resolve_topic, topic))

    async def request(
        self,
        target: str,
        value: object,
        codec: str = "cbor",
        timeout: int = REQUEST_MS,
        sent: Callable[[str], None] | None = None,
    ) -> object:
        """Sends a request, waiting for room. Returns the value of the reply, or `None` if it is empty.

        `sent` is called with the request's id when the request is in the mailbox.
        """
        doing, body = f"request to {target}", _outgoing(value, codec)
        if self._is_own(target):
            raise HostError(doing, types.SendError_Other("a component cannot wait for itself"))
        to = _call(doing, messaging.resolve, target)
        request = await _delivered(
            doing,
            timeout,
            lambda time: messaging.send_request(to, body, time),
            self._room_of(target, to),
        )
        if sent is not None:
            sent(messaging.request_uuid(request))
        reply = await _Callback(request, doing)
        if not reply:
            return None
        replied, answer = _split(reply)
        return _CODECS[replied].decode(answer)

    def subscribe(self, pattern: str) -> None:
        _call(f"subscribe to {pattern}", messaging.subscribe, pattern)

    def unsubscribe(self, pattern: str) -> bool:
        _need_host("unsubscribe")
        return messaging.unsubscribe(pattern)

    def stop(self) -> None:
        """Asks the host to stop this component, after the current message is finished."""
        _need_host("stop")
        system.stop_self()

    def usage(self) -> list[system.QuotaUsage]:
        """The usage of this instance's limits."""
        _need_host("usage")
        return system.usage()

    def monotonic_ns(self) -> int:
        """Nanoseconds since a fixed moment; never goes back."""
        _need_host("monotonic_ns")
        return clock.monotonic_ns()

    _own_name: str | None = None

    def _is_own(self, target: str) -> bool:
        if self._own_name is None:
            self._own_name = self.identity.name
        return target == self._own_name

    def _room_of(self, target: str, to: int):
        """Waits for room in a mailbox. A component cannot wait for its own."""
        return None if self._is_own(target) else lambda time: messaging.await_room(to, time)


async def _delivered(doing, timeout, attempt, await_room):
    """Repeats an attempt until the mailbox has room, for at most this many milliseconds in all."""
    deadline = None
    while True:
        try:
            return _call(doing, attempt, timeout)
        except HostError as error:
            if error.kind != "mailbox-full" or await_room is None:
                raise
        now = clock.monotonic_ns()
        if deadline is None:
            deadline = now + timeout * 1_000_000
        timeout = -((now - deadline) // 1_000_000)
        if timeout <= 0:
            raise HostError(doing, types.RequestError_TimedOut())
        await _Callback(_call(doing, await_room, timeout), doing)


context = Context()


# Lines that the top level has logged. Each instance writes them when it starts.
_early_lines: list[tuple] = []


def _text(part: object) -> str:
    return airssys_trace.described(part) if isinstance(part, BaseException) else str(part)


class _Log:
    """The component's log."""

    def _line(self, level, parts) -> None:
        line = " ".join(map(_text, parts))
        if _has_started:
            logging.log(level, line)
        else:
            _early_lines.append((level, line))

    def trace(self, *parts: object) -> None:
        self._line(logging.Level.TRACE, parts)

    def debug(self, *parts: object) -> None:
        self._line(logging.Level.DEBUG, parts)

    def info(self, *parts: object) -> None:
        self._line(logging.Level.INFO, parts)

    def warn(self, *parts: object) -> None:
        self._line(logging.Level.WARN, parts)

    def error(self, *parts: object) -> None:
        self._line(logging.Level.ERROR, parts)


log = _Log()

# The coroutines that wait for a callback, by request, with the functions that take their results.
_waiting: dict[int, tuple] = {}


def _step(coroutine, done, value=None, error=None) -> None:
    """Runs a coroutine until it waits for a callback, or has returned."""
    try:
        wait = coroutine.throw(error) if error else coroutine.send(value)
    except StopIteration as finished:
        return done(finished.value)
    if not isinstance(wait, _Callback):
        coroutine.close()
        raise TypeError("a component can only await what its context gives")
    _waiting[wait.request] = (coroutine, done)


def spawn(coroutine) -> None:
    """Runs a coroutine beside the messages, such as one that the class starts when it is made."""
    _step(coroutine, lambda _: None)


def _crashing(function):
    """Reports an exception to the host, because it ends the instance."""

    def entered(*arguments):
        try:
            return function(*arguments)
        except Exception as error:
            system.report_panic(airssys_trace.described(error))
            raise

    return entered


class _Handling:
    """One message on its way through its handler."""

    def __init__(self, id: int) -> None:
        self.id = id
        self.returned = False
        self.outcome = _outcome.Outcome_Deferred()

    async def run(self, handle, body: bytes):
        try:
            message = Message(self.id, body)
            reply = handle(message, context)
            if inspect.isawaitable(reply):
                reply = await reply
            if reply is None:
                return types.Completion_Done()
            return types.Completion_Reply(_outgoing(reply, message.codec))
        except Rejection as rejection:
            return rejection._completion(str(rejection))

    def finish(self, how) -> None:
        if self.returned:
            _call("complete", messaging.complete, self.id, how)
        else:
            self.outcome = _outcome.Outcome_Completed(how)


def _check_class(made_by: object) -> None:
    if not isinstance(made_by, type):
        raise TypeError(f"component() takes a class, not {made_by!r}; pass the class without calling it")
    if not callable(getattr(made_by, "handle", None)):
        raise TypeError(
            f"the class `{made_by.__name__}` has no `handle`; define `async def handle(self, message, context)` in it"
        )
    for name in ("__init__", "health", "shutdown"):
        if inspect.iscoroutinefunction(getattr(made_by, name, None)):
            raise TypeError(f"`{name}` of the class `{made_by.__name__}` is async; only `handle` can wait")


def component(made_by: type) -> tuple[type, type]:
    """Makes the two classes that the host looks for: `Lifecycle, Handler = component(TheClass)`.

    The class is called with the settings (a dict of texts) and the context; an exception is a
    failure of the start. Its `async def handle(self, message, context)` returns the reply, or
    None. It may have a `shutdown(self)`, and a `health(self)` that returns None, or a text that
    describes the problem.
    """
    _check_class(made_by)
    instance: list = []

    class Lifecycle(exports.Lifecycle):
        def initialize(self, config):
            try:
                instance[:] = [made_by(dict(config), context)]
            except Exception as error:
                log.debug(error)
                raise Err(airssys_trace.summary(error)) from None

        @_crashing
        def health(self):
            wrong = getattr(instance[0], "health", lambda: None)()
            return _status.HealthStatus_Unhealthy(wrong) if wrong else _status.HealthStatus_Healthy()

        @_crashing
        def shutdown(self):
            getattr(instance[0], "shutdown", lambda: None)()

    class Handler(exports.Handler):
        @_crashing
        def handle_message(self, message, body):
            handling = _Handling(message)
            _step(handling.run(instance[0].handle, body), handling.finish)
            handling.returned = True
            return handling.outcome

        @_crashing
        def handle_callback(self, request, what):
            coroutine, done = _waiting.pop(request)
            _step(coroutine, done, value=what)

    return Lifecycle, Handler
