"""Tests airssys.py against a fake host."""

import contextlib
import importlib.util
import io
import json as json_module
import os
import random
import sys
import tempfile
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


def _shared(name: str) -> list[dict]:
    """Reads test vectors that the SDKs of all languages share."""
    with open(os.path.join(os.environ["AIRSSYS_VECTORS"], name)) as file:
        return json_module.load(file)


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
logging = modules.SimpleNamespace(Level=modules.SimpleNamespace(DEBUG="debug", INFO="info"), log=lambda *line: host.log(*line))
imports = module("wit_world.imports", clock=Import(), logging=logging, messaging=Import(), system=Import(), types=contract)
module("wit_world", exports=exports, imports=imports)

import airssys  # noqa: E402
import airssys_modules  # noqa: E402
import airssys_trace  # noqa: E402
import cbor2  # noqa: E402


def cbor(value: object) -> bytes:
    return b"\x51" + cbor2.dumps(value)


def json(text: str) -> bytes:
    return b"\x80\x04" + text.encode()


class Component(unittest.TestCase):
    def setUp(self) -> None:
        global host
        host = Host()
        airssys._start()

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

            async def handle(self, message, context): ...

        lifecycle, _ = airssys.component(Broken)
        with self.assertRaises(Err) as raised:
            lifecycle().initialize([("size", "x")])
        self.assertRegex(raised.exception.value, r"^ValueError: x is not a size \(.*test_airssys.py:\d+\)$")

    def test_health_is_asked_if_the_class_has_it(self):
        class Ill:
            def __init__(self, config, context):
                self.ill = None

            def health(self):
                self.ill, was = "tired", self.ill
                return was

            async def handle(self, message, context): ...

        made, _ = airssys.component(Ill)
        lifecycle = made()
        lifecycle.initialize([])
        self.assertEqual(lifecycle.health(), cases["HealthStatus_Healthy"]())
        self.assertEqual(lifecycle.health(), cases["HealthStatus_Unhealthy"]("tired"))

    def test_a_handler_may_return_at_once(self):
        self.assertEqual(self.handle(lambda message, context: message.decode(), cbor([1])), Reply(cbor([1])))

    def test_other_classes_are_refused_when_the_component_is_built(self):
        async def wait(*_): ...

        for made, why in [
            (type("None_", (), {}), "has no `handle`"),
            (type("Lists", (), {"handle": []}), "has no `handle`"),
            (type("Starts", (), {"handle": wait, "__init__": wait}), "`__init__` of the class `Starts` is async"),
            (type("Ill", (), {"handle": wait, "health": wait}), "`health` of the class `Ill` is async"),
            (object(), "takes a class, not <object"),
        ]:
            with self.assertRaisesRegex(TypeError, why):
                airssys.component(made)

    def test_nesting_is_read_down_to_the_same_depth_in_every_language(self):
        for vector in _shared("nesting.json"):
            body = bytes.fromhex("".join(digits * times for digits, times in vector["body"]))
            decode = airssys._CODECS[vector["codec"]].decode
            with self.subTest(vector["body"]):
                if vector["read"]:
                    value = decode(body)
                    self.assertEqual(value, vector.get("value", value))
                else:
                    self.assertRaises(Exception, decode, body)

    def test_a_prefix_is_read_alike_in_every_language(self):
        for vector in _shared("prefixes.json"):
            message = bytes.fromhex(vector["message"])
            with self.subTest(vector["message"]):
                if vector.get("codec") in airssys._CODECS:
                    self.assertEqual(airssys._split(message), (vector["codec"], bytes.fromhex(vector["body"])))
                else:
                    self.assertRaises(airssys.Rejection, airssys._split, message)

    def test_the_top_level_has_a_log_but_no_host(self):
        airssys._has_started = False
        airssys.log.info("early", 1)
        self.assertEqual(host.named("log"), [])
        for call in [
            lambda: airssys.context.identity,
            lambda: airssys.context.try_send("stock", 1),
            airssys.context.usage,
            airssys.context.monotonic_ns,
            airssys.context.stop,
        ]:
            with self.assertRaisesRegex(RuntimeError, "move the call into `__init__` or `handle`"):
                call()
        airssys._start()
        self.assertEqual(host.named("log"), [("info", "early 1")])
        airssys._start()
        self.assertEqual(len(host.named("log")), 1)

    def test_random_numbers_begin_anew_in_every_instance(self):
        random.seed(1)
        expected = random.random()
        random.seed(1)
        airssys._start()
        self.assertNotEqual(random.random(), expected)

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


class Modules(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = os.path.join(self.folder, name.replace("__SLASH__", "/") + ".py")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)

    def kept(self) -> airssys_modules.Kept:
        kept = airssys_modules.Kept()
        kept.keep_folder(self.folder)
        return kept

    def absent(self) -> list[str]:
        return airssys_modules.absent_imports(self.folder, self.kept())

    def test_modules_are_imported_after_their_files_are_gone(self):
        self.write(
            late_one="from late_package.inner import VALUE\nimport late_space.leaf",
            late_package__SLASH____init__="NAME = __name__",
            late_package__SLASH__inner="from . import NAME\nVALUE = NAME + ' ' + __package__",
            late_space__SLASH__leaf="FILE = __file__",
        )
        kept = self.kept()
        for path, _, files in os.walk(self.folder, topdown=False):
            for file in files:
                os.remove(path + "/" + file)
        sys.meta_path.append(kept)
        self.addCleanup(sys.meta_path.remove, kept)
        import late_one

        self.assertEqual(late_one.VALUE, "late_package late_package")
        self.assertEqual(late_one.late_space.leaf.FILE, self.folder + "/late_space/leaf.py")

    def test_imports_that_would_fail_are_named_wherever_they_stand(self):
        self.write(
            main="import os, helper\ndef handle():\n    from nowhere.inner import x\n    from . import y",
            helper="def later():\n    import gone as other",
            unused="import pytest_or_so",
        )
        self.assertEqual(
            self.absent(),
            ["src/main.py:3: no module named `nowhere.inner`", "src/helper.py:2: no module named `gone`"],
        )

    def test_imports_with_an_answer_may_fail(self):
        self.write(
            main="try:\n    import fast\nexcept ImportError:\n    import os as fast\n"
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import stubs\n"
            "try:\n    import wanted\nexcept ValueError:\n    pass\n"
            "import contextlib, sys\nwith contextlib.suppress(ImportError):\n    import perhaps\n"
            "if sys.version_info < (3, 11):\n    import backport\n"
            "with open('file'):\n    import other\n"
        )
        self.assertEqual(
            self.absent(),
            ["src/main.py:9: no module named `wanted`", "src/main.py:18: no module named `other`"],
        )


class Entry(unittest.TestCase):
    """The module that componentize-py imports."""

    def build(self, source: str) -> modules.ModuleType:
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/main.py", "w") as file:
                file.write(source)
            sys.modules.pop("main", None)
            spec = importlib.util.spec_from_file_location("airssys_entry", airssys.__file__[:-3] + "_entry.py")
            entry = importlib.util.module_from_spec(spec)
            path, finders = list(sys.path), list(sys.meta_path)
            sys.path[:] = [folder]
            try:
                with contextlib.redirect_stderr(io.StringIO()) as self.printed:
                    spec.loader.exec_module(entry)
            finally:
                sys.path[:], sys.meta_path[:] = path, finders
        return entry

    def test_an_instance_starts_before_the_component_does(self):
        airssys._has_started = False
        entry = self.build(
            "import airssys\n\n\nclass Made:\n    def __init__(self, config, context):\n"
            "        self.size = config['size'], airssys._has_started\n\n    def handle(self, *_): ...\n\n\n"
            "Lifecycle, Handler = airssys.component(Made)\n"
        )
        self.assertFalse(airssys._has_started)
        entry.Lifecycle().initialize([("size", "1")])
        self.assertTrue(airssys._has_started)

    def test_a_file_without_the_classes_of_the_contract_is_refused(self):
        for source, why in [
            ("x = 1", "src/main.py defines no `Lifecycle`; end it with `Lifecycle, Handler = "),
            ("Lifecycle = Handler = 1", "`Lifecycle` of src/main.py is not a class of the contract"),
            ("class Lifecycle: ...\nclass Handler: ...", "`Lifecycle` of src/main.py is not a class of the contract"),
        ]:
            with self.assertRaises(TypeError):
                self.build(source)
            self.assertIn(why, self.printed.getvalue())

    def test_an_error_of_the_top_level_is_printed_with_its_place(self):
        with self.assertRaises(ZeroDivisionError):
            self.build("x = 1\ny = x / 0\n")
        printed = self.printed.getvalue()
        self.assertIn('File "src/main.py", line 2, in <module>\n    y = x / 0\n', printed)
        self.assertTrue(printed.endswith("ZeroDivisionError: division by zero\n</airssys>\n"), printed)
        self.assertNotIn("airssys_entry", printed)


class Trace(unittest.TestCase):
    def test_an_error_names_the_files_as_their_author_does(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/failing.py", "w") as file:
                file.write("def fail():\n    raise ValueError('no')\n")
            airssys_trace.name_folder(folder, "src")
            code = compile("def fail():\n    raise ValueError('no')\n", folder + "/failing.py", "exec")
        names: dict = {}
        exec(code, names)
        try:
            try:
                names["fail"]()
            except ValueError as error:
                raise KeyError("outer") from error
        except KeyError as error:
            described = airssys_trace.described(error)
            summary = airssys_trace.summary(error.__cause__)
        self.assertIn('File "src/failing.py", line 2, in fail\n    raise ValueError', described)
        self.assertTrue(described.endswith("KeyError: 'outer'"), described)
        self.assertEqual(summary, "ValueError: no (src/failing.py:2)")

    def test_an_error_without_a_text_is_named(self):
        self.assertEqual(airssys_trace.summary(ValueError()), "ValueError")


if __name__ == "__main__":
    unittest.main()
