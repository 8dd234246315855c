"""Tests airssys.py against a fake host."""

import sys
import types as modules
import unittest
from dataclasses import dataclass


def module(name: str, **members: object) -> modules.ModuleType:
    made = modules.ModuleType(name)
    vars(made).update(members)
    sys.modules[name] = made
    return made


class Err(Exception):
    def __init__(self, value: object) -> None:
        self.value = value


def case(name: str) -> type:
    """Makes a variant's case, as componentize-py does."""

    @dataclass
    class Case:
        value: object = None

    Case.__name__ = name
    return Case


@dataclass
class Info:
    sender: str = "tester"
    topic: str | None = None
    wants_reply: bool = True
    attempt: int = 1
    retained: bool = False
    request: str | None = None
    traceparent: str | None = None


@dataclass
class BatchResult:
    sent: int
    stopped: object = None


class Host:
    """The fake host: its imports give the answers of a test, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []
        self.answers: dict[str, list] = {}
        self.info = Info()
        self.now_ns = 0

    def __getattr__(self, name: str):
        def called(*arguments):
            self.calls.append((name, *arguments))
            answers = self.answers.get(name)
            answer = answers.pop(0) if answers else None
            if isinstance(answer, Exception):
                raise answer
            return answer

        return called

    def self_id(self):
        return modules.SimpleNamespace(app="test", name="me", incarnation=0)

    def describe(self, _message):
        return self.info

    def monotonic_ns(self):
        return self.now_ns

    def resolve(self, name):
        return {"me": 1}.get(name, 7)

    def named(self, name: str) -> list[tuple]:
        return [call[1:] for call in self.calls if call[0] == name]


host = Host()


class Import:
    def __getattr__(self, name: str):
        return getattr(host, name)


kinds = {
    "Completion": ["Done", "Reply", "Rejected", "Retry"],
    "Callback": ["Reply", "Ready", "Failed"],
    "SendError": ["MailboxFull", "AccessDenied", "Other"],
    "RequestError": ["TimedOut", "Rejected"],
    "Outcome": ["Deferred", "Completed"],
    "HealthStatus": ["Healthy", "Unhealthy"],
}
cases = {f"{kind}_{name}": case(f"{kind}_{name}") for kind, names in kinds.items() for name in names}
Done, Reply, Rejected, Retry = (cases[f"Completion_{name}"] for name in kinds["Completion"])
MailboxFull = cases["SendError_MailboxFull"]
Ready, Failed = cases["Callback_Ready"], cases["Callback_Failed"]

module("componentize_py_types", Err=Err)
contract = module("wit_world.exports.contract", **cases)
exports = module("wit_world.exports", Lifecycle=object, Handler=object, handler=contract, lifecycle=contract)
logging = modules.SimpleNamespace(Level=modules.SimpleNamespace(DEBUG="debug", INFO="info"), log=Import().log)
imports = module("wit_world.imports", clock=Import(), logging=logging, messaging=Import(), system=Import(), types=contract)
module("wit_world", exports=exports, imports=imports)

import airssys  # noqa: E402
import cbor2  # noqa: E402


def cbor(value: object) -> bytes:
    return b"\x51" + cbor2.dumps(value)


def json(text: str) -> bytes:
    return b"\x80\x04" + text.encode()


class Component(unittest.TestCase):
    def setUp(self) -> None:
        global host
        host = Host()

    def start(self, handle):
        """Starts a component with this handler. Returns the handler that the host calls."""
        made = type("Made", (), {"__init__": lambda *_: None, "handle": lambda _, *rest: handle(*rest)})
        lifecycle, handler = airssys.component(made)
        lifecycle().initialize([])
        return handler()

    def handle(self, handle, message: bytes = cbor(None)):
        """Handles one message without waiting. Returns its completion."""
        outcome = self.start(handle).handle_message(1, message)
        self.assertIsInstance(outcome, cases["Outcome_Completed"])
        return outcome.value

    def test_a_reply_is_in_the_codec_of_its_message(self):
        async def same(message, context):
            return message.decode()

        for message in [cbor({"né": [1, None, 2.5]}), json('{"né":[1,null,2.5]}'), b"\x55raw\x00"]:
            self.assertEqual(self.handle(same, message), Reply(message))

    def test_a_reply_can_choose_its_codec_or_be_empty(self):
        async def chosen(message, context):
            return airssys.json([1])

        async def empty(message, context):
            return None

        self.assertEqual(self.handle(chosen), Reply(json("[1]")))
        self.assertEqual(self.handle(empty), Done())

    def test_refusals_are_told_from_retries(self):
        async def refuse(message, context):
            raise airssys.Rejection("never")

        async def again(message, context):
            raise airssys.Rejection.retry(f"attempt {message.attempt}")

        host.info.attempt = 2
        self.assertEqual(self.handle(refuse), Rejected("never"))
        self.assertEqual(self.handle(again), Retry("attempt 2"))

    def test_unreadable_messages_are_refused(self):
        async def read(message, context):
            return message.decode()

        for message, why in [
            (b"\x51\xff", "not valid cbor"),
            (b"\x51\x82\x01", "not valid cbor"),
            (b"\x51\x01\x02", "not valid cbor"),
            (b"\x51" + b"\x81" * 100_000, "not valid cbor"),
            (json("{"), "not valid json"),
            (json('"\xff"').replace(b"\xc3\xbf", b"\xff"), "not valid json"),
            (b"\x50protobuf", "not in one of the codecs"),
            (b"", "not in one of the codecs"),
        ]:
            refused = self.handle(read, message)
            self.assertIsInstance(refused, Rejected)
            self.assertIn(why, refused.value)

    def test_a_request_goes_on_when_its_callback_comes(self):
        async def ask(message, context):
            return [await context.request("stock", "nail", codec="json"), await context.request("stock", 2)]

        handler = self.start(ask)
        host.answers["send_request"] = [10, 11]
        outcome = handler.handle_message(1, cbor(None))
        self.assertIsInstance(outcome, cases["Outcome_Deferred"])
        self.assertEqual(host.named("send_request"), [(7, json('"nail"'), 5000)])
        handler.handle_callback(10, cases["Callback_Reply"](json("5")))
        self.assertEqual(host.named("complete"), [])
        handler.handle_callback(11, cases["Callback_Reply"](b""))
        self.assertEqual(host.named("complete"), [(1, Reply(cbor([5, None])))])

    def test_a_failed_request_raises_the_name_of_the_contract(self):
        async def ask(message, context):
            try:
                await context.request("stock", 1)
            except airssys.HostError as error:
                return [error.kind, str(error)]

        handler = self.start(ask)
        host.answers["send_request"] = [10]
        handler.handle_message(1, cbor(None))
        handler.handle_callback(10, Failed(cases["RequestError_TimedOut"]()))
        expected = Reply(cbor(["timed-out", "request to stock: timed-out"]))
        self.assertEqual(host.named("complete"), [(1, expected)])

    def test_a_batch_goes_on_where_it_stopped_when_there_is_room(self):
        async def send(message, context):
            await context.send_batch("stock", [1, 2, 3, 4, 5])

        handler = self.start(send)
        host.answers["send_batch"] = [BatchResult(2, MailboxFull()), BatchResult(0, MailboxFull()), BatchResult(3)]
        host.answers["await_room"] = [20, 21]
        handler.handle_message(1, cbor(None))
        host.now_ns = 1
        handler.handle_callback(20, Ready())
        # A part of a millisecond counts as a whole one.
        self.assertEqual(host.named("await_room"), [(7, 30_000), (7, 30_000)])
        handler.handle_callback(21, Ready())
        batches = [(lengths, len(bodies)) for _, lengths, bodies in host.named("send_batch")]
        self.assertEqual(batches, [([2] * 5, 10), ([2] * 3, 6), ([2] * 3, 6)])
        self.assertEqual(host.named("complete"), [(1, Done())])

    def test_a_refused_batch_says_how_many_were_sent(self):
        async def send(message, context):
            try:
                await context.send_batch("stock", [1, 2, 3])
            except airssys.HostError as error:
                return [error.sent, error.kind]

        host.answers["send_batch"] = [BatchResult(2, cases["SendError_AccessDenied"]())]
        self.assertEqual(self.handle(send), Reply(cbor([2, "access-denied"])))

    def test_a_send_waits_no_longer_than_its_timeout(self):
        async def send(message, context):
            await context.send("stock", 1, timeout=50)

        handler = self.start(send)
        host.answers["send_message"] = [Err(MailboxFull()) for _ in range(3)]
        host.answers["await_room"] = [20, 21]
        handler.handle_message(1, cbor(None))
        host.now_ns = 20_000_000
        handler.handle_callback(20, Ready())
        host.now_ns = 50_000_000
        with self.assertRaises(airssys.HostError) as raised:
            handler.handle_callback(21, Ready())
        self.assertEqual(raised.exception.kind, "timed-out")
        self.assertEqual(host.named("await_room"), [(7, 50), (7, 30)])
        self.assertEqual(len(host.named("report_panic")), 1)

    def test_a_component_never_waits_for_itself(self):
        async def send(message, context):
            kinds = []
            for wait in [context.send("me", 1), context.request("me", 1)]:
                try:
                    await wait
                except airssys.HostError as error:
                    kinds.append(error.kind)
            return kinds

        host.answers["send_message"] = [Err(MailboxFull())]
        self.assertEqual(self.handle(send), Reply(cbor(["mailbox-full", "other"])))
        self.assertEqual(host.named("await_room") + host.named("send_request"), [])

    def test_an_exception_ends_the_instance_with_a_reason(self):
        async def broken(message, context):
            raise KeyError("absent")

        with self.assertRaises(KeyError):
            self.handle(broken)
        self.assertIn("KeyError: 'absent'", host.named("report_panic")[0][0])

    def test_other_awaitables_are_refused(self):
        @modules.coroutine
        def other():
            yield "something"

        async def wait(message, context):
            await other()

        with self.assertRaisesRegex(TypeError, "only await what its context gives"):
            self.handle(wait)

    def test_a_failed_start_says_why(self):
        class Broken:
            def __init__(self, config, context):
                raise ValueError(f"{config['size']} is not a size")

        lifecycle, _ = airssys.component(Broken)
        with self.assertRaises(Err) as raised:
            lifecycle().initialize([("size", "x")])
        self.assertEqual(raised.exception.value, "x is not a size")

    def test_health_is_asked_if_the_class_has_it(self):
        class Ill:
            def __init__(self, config, context):
                self.ill = None

            def health(self):
                self.ill, was = "tired", self.ill
                return was

        made, _ = airssys.component(Ill)
        lifecycle = made()
        lifecycle.initialize([])
        self.assertEqual(lifecycle.health(), cases["HealthStatus_Healthy"]())
        self.assertEqual(lifecycle.health(), cases["HealthStatus_Unhealthy"]("tired"))

    def test_a_report_request_is_known(self):
        async def known(message, context):
            return message.is_report_request

        for message, expected in [(cbor("report"), True), (cbor("reports"), False), (json('"report"'), False)]:
            reply = self.handle(known, message)
            self.assertEqual(reply.value.endswith(cbor2.dumps(True)) or reply.value.endswith(b"true"), expected)

    def test_a_coroutine_runs_beside_the_messages(self):
        seen = []

        async def beside():
            seen.append(await airssys.context.request("stock", 1))

        async def handle(message, context):
            return len(seen)

        host.answers["send_request"] = [10]
        airssys.spawn(beside())
        handler = self.start(handle)
        handler.handle_callback(10, cases["Callback_Reply"](cbor(6)))
        self.assertEqual(seen, [6])


if __name__ == "__main__":
    unittest.main()
