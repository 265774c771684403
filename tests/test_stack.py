#!/usr/bin/env python3
"""The promises of scripts/stack, tried on two real stacks side by side.

Run with: python3 -m unittest -v tests/test_stack.py
"""
from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import types
import unittest
import unittest.mock
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

from stacklib.folder import StackFolder  # noqa: E402
from stacklib.parts import POSTGRES, check_digests, ready_parts  # noqa: E402
from stacklib.ports import is_free  # noqa: E402
from stacklib.process import read_pid_file, start_time  # noqa: E402
from stacklib.scram import ScramClient, ScramError  # noqa: E402
from stacklib.supervisor import Supervisor  # noqa: E402
from stacklib.talk import StackError, wait_until  # noqa: E402

PARTS = ("postgres", "kafka", "registry")
TOPIC = "brainops.test"
LIMIT_S = 120
PROGRAMS = ready_parts()


class Stack:
    """One stack in a folder of its own, driven from outside as a person would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "STACK_DIR": str(folder), "STACK_PROFILE": "test"}

    def run(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([ROOT / "scripts" / "stack", *arguments], env=self.environment, text=True, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=LIMIT_S, check=False)
        if done.returncode != expect:
            raise AssertionError(f"stack {arguments} gave {done.returncode} instead of {expect}\n{done.stdout}\n{done.stderr}")
        return done

    def settings(self) -> dict:
        return tomllib.loads((self.folder / "brainops.toml").read_text())

    def ports(self) -> dict[str, int]:
        return json.loads((self.folder / "settings.json").read_text())["ports"]

    def pids(self) -> dict[str, int | None]:
        return {part: read_pid_file(self.folder / "run" / f"{part}.pid") for part in PARTS}

    def secrets(self) -> dict[str, str]:
        return {file.name: file.read_text() for file in (self.folder / "secrets").iterdir()}

    def kill(self, part: str) -> None:
        pid = self.pids()[part]
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: start_time(pid) is None, 10), f"{part} does not die"

    def processes(self) -> list[str]:
        """Every live process that has to do with this stack's folder, whatever its pid files say."""
        places = [os.fsencode(self.folder), os.fsencode((self.folder / "postgres").resolve())]
        return [f"{pid} {line!r}" for pid, line in all_processes() if any(place in line for place in places)]

    def kafka_tool(self, user: str, tool: str, *arguments: str, typed: str = "") -> str:
        """What one of Kafka's own tools says (errors included), logged in as this user."""
        properties = self.folder / f"{user}.properties"
        properties.touch(mode=0o600)
        properties.write_text(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n"
            "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required "
            f'username="{user}" password="{self.secrets()[f"kafka-{user}"]}";\n')
        command = [PROGRAMS.java_binary(), "-XX:TieredStopAtLevel=1", "-cp", f"{PROGRAMS.kafka}/*", f"org.apache.kafka.tools.{tool}",
                   "--bootstrap-server", self.settings()["kafka"]["bootstrap_servers"], "--command-config", str(properties)]
        done = subprocess.run([*command, *arguments], input=typed, text=True, capture_output=True, timeout=30, check=False)
        return done.stdout + done.stderr

    def append(self, user: str, text: str, *more: str) -> str:
        return self.kafka_tool(user, "ConsoleProducer", "--topic", TOPIC, *more, typed=text + "\n")

    def read(self, user: str, count: int) -> str:
        return self.kafka_tool(user, "consumer.ConsoleConsumer", "--topic", TOPIC, "--from-beginning", "--max-messages", str(count),
                               "--timeout-ms", "20000", "--group", f"brainops-{time.monotonic_ns()}")

    def registry(self, method: str, path: str, body: dict | None = None) -> tuple[int, object]:
        request = urllib.request.Request(self.settings()["registry"]["url"] + path, method=method,
                                         data=json.dumps(body).encode() if body else None,
                                         headers={"content-type": "application/vnd.schemaregistry.v1+json"})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def register(self, subject: str, *fields: dict) -> tuple[int, object]:
        schema = {"type": "record", "name": "Thing", "namespace": "brainops.test", "fields": fields}
        return self.registry("POST", f"/subjects/{subject}/versions", {"schema": json.dumps(schema)})

    def sql(self, script: str, database: str = "brainops", user: str = "brainops") -> str:
        secret = {"postgres": "postgres-superuser"}.get(user, f"postgres-{user}")
        command = [PROGRAMS.postgres / POSTGRES / "psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
                   "-p", str(self.ports()["postgres"]), "-U", user, "-d", database]
        done = subprocess.run(command, env={**os.environ, "PGPASSWORD": self.secrets()[secret]}, input=script, text=True,
                              capture_output=True, timeout=30, check=False)
        return (done.stdout + done.stderr).strip()


def all_processes() -> Iterator[tuple[int, bytes]]:
    """Pid and what can be read about it: command line, environment, working folder. Zombies are not processes."""
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid() or start_time(name) is None:
            continue
        with contextlib.suppress(OSError):
            place = Path("/proc", name)
            working_in = os.readlink(os.fsencode(place / "cwd"))
            yield int(name), b" ".join([(place / "cmdline").read_bytes(), (place / "environ").read_bytes(), working_in])


class CommandLines(threading.Thread):
    """Collects every command line that shows up while it watches."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.01):
            for name in os.listdir("/proc"):
                if name.isdigit():
                    with contextlib.suppress(OSError):
                        self.seen.add(Path("/proc", name, "cmdline").read_bytes())

    def finish(self) -> set[bytes]:
        self._over.set()
        self.join()
        return self.seen


def up_side_by_side(*stacks: Stack) -> None:
    failures: list[BaseException] = []

    def bring_up(stack: Stack) -> None:
        try:
            stack.run("up")
        except BaseException as error:  # shown below, in the thread that can fail the test
            failures.append(error)

    threads = [threading.Thread(target=bring_up, args=(stack,)) for stack in stacks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


HOME = Path(tempfile.mkdtemp(prefix="brainops-stack-"))
ONE, OTHER = Stack(HOME / "one"), Stack(HOME / "other")
COMMAND_LINES: set[bytes] = set()


def setUpModule() -> None:
    unittest.addModuleCleanup(shutil.rmtree, HOME)
    unittest.addModuleCleanup(destroy_both)
    watch = CommandLines()
    watch.start()
    up_side_by_side(ONE, OTHER)
    COMMAND_LINES.update(watch.finish())
    said = ONE.kafka_tool("admin", "TopicCommand", "--create", "--topic", TOPIC, "--partitions", "1")
    assert "Created topic" in said, said


def destroy_both() -> None:
    outside = [(stack.folder / "postgres").resolve() for stack in (ONE, OTHER)]
    for stack in (ONE, OTHER):
        stack.run("reset", "--yes")
        assert not stack.processes(), f"reset has left {stack.processes()}"
        left = {name for name in os.listdir(stack.folder) if not name.endswith(".properties")}  # those are the test's own
        assert left == {"lock"}, left
    assert not any(folder.exists() for folder in outside), f"reset has left {outside}"


class Contract(unittest.TestCase):
    """What others read."""

    def test_the_configuration_has_exactly_the_agreed_keys(self) -> None:
        secrets, ports = ONE.folder / "secrets", ONE.ports()
        login = {user: {"username": user, "password_file": str(secrets / f"kafka-{user}")} for user in ("appender", "reader", "admin")}
        self.assertEqual(ONE.settings(), {
            "kafka": {"bootstrap_servers": f"127.0.0.1:{ports['kafka']}", "security_protocol": "SASL_PLAINTEXT",
                      "sasl_mechanism": "SCRAM-SHA-256", **login},
            "log": {"prefix": "brainops", "partitions": 8, "replication": 1},
            "registry": {"url": f"http://127.0.0.1:{ports['registry']}/apis/ccompat/v7"},
            "postgres": {"host": "127.0.0.1", "port": ports["postgres"], "database": "brainops", "username": "brainops",
                         "password_file": str(secrets / "postgres-brainops"), "sslmode": "disable"},
            "server": {"listen": f"127.0.0.1:{ports['server']}"},
            "state": {"folder": str(ONE.folder / "state")},
        })

    def test_env_points_at_the_stack_and_tells_no_secret(self) -> None:
        said = ONE.run("env").stdout
        shell = subprocess.run(["sh", "-c", f'{said}\necho "$STACK_DIR $BRAINOPS_CONFIG"'], capture_output=True, text=True, check=True)
        self.assertEqual(shell.stdout.split(), [str(ONE.folder), str(ONE.folder / "brainops.toml")])
        self.assertFalse([name for name, secret in ONE.secrets().items() if secret in said])

    def test_status_as_json_names_every_part(self) -> None:
        status = json.loads(ONE.run("status", "--json").stdout)
        self.assertEqual(status["profile"], "test")
        self.assertEqual({row["part"]: row["pid"] for row in status["parts"]}, ONE.pids())
        self.assertTrue(all(row["state"] == "running" and row["memory_mib"] > 10 for row in status["parts"]), status)

    def test_up_again_changes_nothing(self) -> None:
        before = ONE.pids()
        ONE.run("up")
        self.assertEqual(ONE.pids(), before)

    def test_mistakes_are_named(self) -> None:
        for change, wanted in (({"STACK_DIR": "/tmp/a b"}, "blanks"), ({"STACK_PROFILE": "fast"}, "default or test")):
            stack = Stack(ONE.folder)
            stack.environment |= change
            self.assertIn(wanted, stack.run("up", expect=1).stderr)
        self.assertIn("--yes", ONE.run("reset", expect=1).stderr)
        self.assertTrue(all(ONE.pids().values()))


class Secrecy(unittest.TestCase):
    def test_what_is_private_is_readable_by_us_alone(self) -> None:
        files = [*(ONE.folder / "secrets").iterdir(), *(ONE.folder / "logs").iterdir(), ONE.folder / "brainops.toml",
                 ONE.folder / "kafka" / "server.properties"]
        self.assertEqual({file.stat().st_mode & 0o777 for file in files}, {0o600})
        self.assertEqual(len(set(ONE.secrets().values())), 7)

    def test_no_secret_on_any_command_line(self) -> None:
        self.assertTrue(any(b"StorageTool" in line for line in COMMAND_LINES), "the watch has seen nothing")
        for stack in (ONE, OTHER):
            for name, secret in stack.secrets().items():
                self.assertFalse([line for line in COMMAND_LINES if secret.encode() in line], name)

    def test_no_secret_in_any_log(self) -> None:
        for log in (ONE.folder / "logs").iterdir():
            for name, secret in ONE.secrets().items():
                self.assertNotIn(secret, log.read_text(), f"{name} in {log}")

    def test_everything_listens_on_loopback_only(self) -> None:
        open_to_all = ("00000000:", "00000000000000000000000000000000:")
        lines = [line.split() for kind in ("tcp", "tcp6") for line in Path("/proc/net", kind).read_text().splitlines()[1:]]
        exposed = {int(local.rpartition(":")[2], 16) for _, local, _, state, *_ in lines if state == "0A" and local.startswith(open_to_all)}
        for stack in (ONE, OTHER):
            self.assertFalse(exposed & set(stack.ports().values()))


class Permissions(unittest.TestCase):
    """Kafka's own tools, logged in as each of the users."""

    def test_the_appender_appends_and_nothing_else(self) -> None:
        self.assertNotIn("ERROR", ONE.append("appender", "by the appender"))
        self.assertIn("by the appender", ONE.read("reader", 1))
        self.assertIn("AuthorizationException", ONE.read("appender", 1))
        self.assertIn("Authorization failed", ONE.kafka_tool("appender", "TopicCommand", "--create", "--topic", "brainops.more"))
        self.assertIn("TransactionalIdAuthorizationException", ONE.kafka_tool(
            "appender", "ProducerPerformance", "--topic", TOPIC, "--num-records", "1", "--record-size", "1", "--throughput", "1",
            "--transactional-id", "brainops-x"))

    def test_the_reader_cannot_append(self) -> None:
        for more in ((), ("--command-property", "enable.idempotence=false")):
            self.assertIn("AuthorizationException", ONE.append("reader", "by the reader", *more))
        self.assertIn("Topic: brainops.test", ONE.kafka_tool("reader", "TopicCommand", "--describe", "--topic", TOPIC))


class Registry(unittest.TestCase):
    def test_full_transitive_is_enforced_for_a_subject(self) -> None:
        subject = "brainops.test.Strict"
        self.assertEqual(ONE.registry("PUT", f"/config/{subject}", {"compatibility": "FULL_TRANSITIVE"})[0], 200)
        self.assertEqual(ONE.registry("GET", f"/config/{subject}"), (200, {"compatibilityLevel": "FULL_TRANSITIVE"}))
        first, with_default = {"name": "a", "type": "long"}, {"name": "b", "type": "string", "default": ""}
        without_default = {"name": "b", "type": "string"}
        self.assertEqual(ONE.register(subject, first)[0], 200)
        self.assertEqual(ONE.register(subject, first, without_default)[0], 409)
        self.assertEqual(ONE.register(subject, first, with_default)[0], 200)
        self.assertEqual(ONE.register(subject, first, without_default)[0], 409)  # fits the last version, not the first


class Database(unittest.TestCase):
    def test_the_owner_makes_databases_that_know_vectors(self) -> None:
        self.assertEqual(ONE.sql("SELECT '[1,2]'::vector <-> '[1,5]'"), "3")
        self.assertEqual(ONE.sql("CREATE DATABASE fresh"), "")
        self.assertEqual(ONE.sql("CREATE SCHEMA leads_g1; SELECT '[1]'::vector", database="fresh"), "[1]")

    def test_settings_and_rights(self) -> None:
        settings = {"data_checksums": "on", "shared_buffers": "256MB", "max_connections": "200", "server_encoding": "UTF8"}
        self.assertEqual(ONE.sql("; ".join(f"SHOW {name}" for name in settings)).split(), list(settings.values()))
        self.assertEqual(ONE.sql("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"), "f|t|t")
        self.assertIn("permission denied", ONE.sql("SELECT 1", database="registry"))


class Resilience(unittest.TestCase):
    """Parts that are killed come back with what they knew; the others are left alone."""

    def test_a_killed_postgres_and_registry_keep_rows_and_schema_ids(self) -> None:
        subject = f"brainops.test.Kept{time.monotonic_ns()}"
        _, registered = ONE.register(subject, {"name": "a", "type": "long"}, {"name": subject.rpartition(".")[2], "type": "string"})
        self.assertEqual(ONE.sql("CREATE TABLE IF NOT EXISTS kept (n int); TRUNCATE kept; INSERT INTO kept VALUES (7)"), "")
        for part in ("registry", "postgres"):
            before = ONE.pids()
            ONE.kill(part)
            self.assertIn("stopped", ONE.run("status", expect=3).stdout)
            ONE.run("up")
            self.assertEqual({name for name in PARTS if ONE.pids()[name] != before[name]}, {part})
            status, versions = ONE.registry("GET", f"/schemas/ids/{registered['id']}/versions")
            self.assertEqual((status, versions), (200, [{"subject": subject, "version": 1}]))
            self.assertEqual(ONE.sql("SELECT n FROM kept"), "7")

    def test_a_killed_kafka_keeps_its_records_and_moves_when_its_port_is_taken(self) -> None:
        self.assertNotIn("ERROR", OTHER.kafka_tool("admin", "TopicCommand", "--create", "--if-not-exists", "--topic", TOPIC))
        self.assertNotIn("ERROR", OTHER.append("appender", "before the kill"))
        port = OTHER.ports()["kafka"]
        OTHER.kill("kafka")
        with socket.create_server(("127.0.0.1", port)):
            self.assertIn(f"port {port} is taken", OTHER.run("up").stderr)
        self.assertNotEqual(OTHER.ports()["kafka"], port)
        self.assertIn("before the kill", OTHER.read("reader", 1))

    def test_everything_killed_at_once(self) -> None:
        ports = OTHER.ports()
        for pid in OTHER.pids().values():
            os.kill(pid, signal.SIGKILL)  # and no waiting: `up` may find them dying
        OTHER.run("up")
        self.assertTrue(all(OTHER.pids().values()))
        self.assertEqual(OTHER.ports(), ports)

    def test_a_changed_password_file_is_named(self) -> None:
        secret = OTHER.folder / "secrets" / "kafka-reader"
        before = secret.read_text()
        try:
            secret.write_text("something else")
            self.assertIn("kafka refuses reader", OTHER.run("up", expect=1).stderr)
        finally:
            secret.write_text(before)
        OTHER.run("up")

    def test_a_recycled_pid_is_left_alone(self) -> None:
        bystander = subprocess.Popen(["sleep", "600"])
        try:
            (OTHER.folder / "serve.pid").write_text(f"{bystander.pid}\n{start_time(bystander.pid) - 1}\n")
            OTHER.run("down")
            self.assertIsNone(bystander.poll())
        finally:
            bystander.kill()
            bystander.wait()
            OTHER.run("up")


class Supervision(unittest.TestCase):
    """What dies comes back by itself, with what it knew."""

    def setUp(self) -> None:
        OTHER.environment["STACK_SUPERVISE"] = "yes"
        OTHER.run("up")

    def tearDown(self) -> None:
        OTHER.environment["STACK_SUPERVISE"] = "no"
        OTHER.run("up")
        self.assertIsNone(self.status()["supervisor"]["pid"])
        del OTHER.environment["STACK_SUPERVISE"]

    def status(self) -> dict:
        done = subprocess.run([ROOT / "scripts" / "stack", "status", "--json"], env=OTHER.environment, text=True,
                              capture_output=True, timeout=LIMIT_S, check=False)
        return json.loads(done.stdout)

    def restarts(self, part: str) -> int:
        return {row["part"]: row["restarts"] for row in self.status()["parts"]}[part]

    def comes_back(self, part: str, pid: int, restarts: int) -> bool:
        """It runs, under another pid, and the supervisor has seen it answer."""
        def is_back() -> bool:
            return OTHER.pids()[part] not in (None, pid) and self.restarts(part) > restarts and not StackFolder(OTHER.folder).is_busy()

        return wait_until(is_back, LIMIT_S)

    def test_killed_parts_are_back_and_answer(self) -> None:
        self.assertNotIn("ERROR", OTHER.kafka_tool("admin", "TopicCommand", "--create", "--if-not-exists", "--topic", TOPIC))
        self.assertNotIn("ERROR", OTHER.append("appender", "before the death"))
        self.assertEqual(OTHER.sql("CREATE TABLE IF NOT EXISTS kept (n int); TRUNCATE kept; INSERT INTO kept VALUES (8)"), "")
        others = OTHER.pids()
        for part in ("kafka", "postgres"):
            pid, restarts = OTHER.pids()[part], self.restarts(part)
            OTHER.run("kill", part)
            self.assertTrue(self.comes_back(part, pid, restarts), part)
        self.assertIn("before the ", OTHER.read("reader", 1))  # this word, or that of another test
        self.assertEqual(OTHER.sql("SELECT n FROM kept"), "8")
        self.assertEqual(OTHER.pids()["registry"], others["registry"], "what lives is left alone")
        self.assertIn("kafka", (OTHER.folder / "logs" / "supervisor.log").read_text())
        self.assertIn("started again", OTHER.run("status").stdout)

    def test_down_ends_the_supervisor_too_and_in_mid_restart(self) -> None:
        OTHER.run("kill", "kafka")
        OTHER.run("down")
        self.assertEqual(OTHER.processes(), [])

    def test_a_killed_supervisor_takes_nothing_with_it_and_is_started_once(self) -> None:
        before, supervisor = OTHER.pids(), self.status()["supervisor"]["pid"]
        OTHER.run("up")
        self.assertEqual(self.status()["supervisor"]["pid"], supervisor)
        self.assertIn("runs already", OTHER.run("supervise", expect=1).stderr)
        os.kill(supervisor, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: self.status()["supervisor"]["pid"] is None, 10))
        OTHER.run("up")
        self.assertNotIn(self.status()["supervisor"]["pid"], (None, supervisor))
        self.assertEqual(OTHER.pids(), before)

    def test_restart_is_no_death(self) -> None:
        pid, restarts = OTHER.pids()["registry"], self.restarts("registry")
        OTHER.run("restart", "registry")
        self.assertNotIn(OTHER.pids()["registry"], (None, pid))
        self.assertEqual(self.restarts("registry"), restarts)


class Frail:
    """A part that dies whenever it likes, for tests of the supervisor alone."""

    needs = ()

    def __init__(self, folder: Path, name: str = "frail") -> None:
        self.name, self.folder, self.pid, self.starts, self.can_start = name, folder, 1, 0, True
        self.process = types.SimpleNamespace(pid=lambda: self.pid, tail=lambda _: "FATAL: it hurts", end=lambda: None, log="its.log")

    def data_folder(self) -> Path:
        return self.folder

    def has_data(self) -> bool:
        return self.folder.exists()

    def start(self) -> None:
        self.starts += 1
        if not self.can_start:
            raise StackError("cannot")
        self.pid = 1000 + self.starts

    def await_ready(self) -> None:
        pass


class Patience(unittest.TestCase):
    """The supervisor alone, with a clock of ours."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        stack = StackFolder(Path(folder.name, "stack"))
        stack.make()
        (data := Path(folder.name, "data")).mkdir()
        self.clock, self.part = 0.0, Frail(data)
        self.supervisor = Supervisor(stack, [self.part], give_up_after=3, now=lambda: self.clock)
        self.watch = self.supervisor.watches["frail"]
        self.said = io.StringIO()
        redirected = contextlib.redirect_stderr(self.said)
        redirected.__enter__()
        self.addCleanup(redirected.__exit__, None, None, None)
        self.supervisor.look()

    def starts_within(self, seconds: float) -> list[float]:
        """Looks ten times a second; when it started the part."""
        begun, started = self.clock, []
        while self.clock < begun + seconds:
            before = self.part.starts
            self.supervisor.look()
            started += [round(self.clock - begun, 1)] * (self.part.starts - before)
            self.clock += 0.1
        return started

    def test_it_tries_more_and_more_slowly_then_gives_up_until_somebody_else_starts_it(self) -> None:
        self.part.pid, self.part.can_start = None, False
        self.assertEqual(self.starts_within(100), [0.0, 0.5, 1.5])
        self.assertEqual((self.watch.state, self.watch.restarts), ("given up", 3))
        self.assertIn("GIVEN UP", self.said.getvalue())
        self.assertIn("it hurts", self.said.getvalue())
        self.part.pid, self.part.can_start = 7, True
        self.supervisor.look()
        self.part.pid = None
        self.assertEqual(self.starts_within(10), [0.0])

    def test_what_dies_again_and_again_is_given_up_and_what_stays_is_forgiven(self) -> None:
        for round_number in range(3):
            self.part.pid = None
            self.assertEqual(len(self.starts_within(40)), 1, round_number)
        self.part.pid = None
        self.assertEqual(self.starts_within(40), [])
        self.part.pid = 7
        self.starts_within(61)
        for _ in range(9):
            self.part.pid = None
            self.assertEqual(len(self.starts_within(70)), 1)

    def test_it_waits_for_space_for_as_long_as_it_takes(self) -> None:
        usage, space = shutil.disk_usage(self.part.folder), [0]
        with unittest.mock.patch("shutil.disk_usage", lambda _: usage._replace(free=space[0])):
            self.part.pid = None
            self.assertEqual(self.starts_within(500), [])
            self.assertEqual((self.watch.state, self.watch.in_a_row), ("no space", 0))
            self.assertEqual(self.said.getvalue().count("waits for space"), 1)
            space[0] = 1 << 30
            self.assertEqual(self.starts_within(10), [0.0])

    def test_lost_data_is_not_replaced_by_an_empty_one(self) -> None:
        self.part.folder.rmdir()
        self.part.pid = None
        self.assertEqual(self.starts_within(10), [])
        self.assertIn("its data is gone", self.said.getvalue())


class Elsewhere(unittest.TestCase):
    """Data on another disk: it stays there, it goes with the stack, and a full one is survived."""

    def setUp(self) -> None:
        HOME.chmod(0o755)  # so that the user that Postgres runs as can go there
        self.disk, self.stack = HOME / "disk", Stack(HOME / "elsewhere")
        self.disk.mkdir()
        self.addCleanup(self.disk.rmdir)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=420m,mode=755", "tmpfs", self.disk], capture_output=True, check=False)
        self.is_small = mounted.returncode == 0
        if self.is_small:
            self.addCleanup(lambda: subprocess.run(["umount", self.disk], check=True))
        self.addCleanup(self.destroy)
        named = {"STACK_KAFKA_DATA": str(self.disk), "STACK_POSTGRES_DATA": str(self.disk)}
        self.stack.environment |= {**named, "STACK_SUPERVISE": "yes"}
        self.stack.run("up")
        for name in named:
            del self.stack.environment[name]  # it is remembered

    def destroy(self) -> None:
        self.stack.run("reset", "--yes")
        self.assertEqual(os.listdir(self.disk), [])

    def test_data_stays_on_its_disk(self) -> None:
        self.assertEqual(sorted(name.partition("-")[0] for name in os.listdir(self.disk)), ["kafka", "postgres"])
        self.assertFalse((self.stack.folder / "kafka" / "data").exists())
        self.stack.environment["STACK_KAFKA_DATA"] = str(HOME / "another")
        self.assertIn("only a new stack", self.stack.run("up", expect=1).stderr)

    def test_a_full_disk_is_survived_once_there_is_space(self) -> None:
        if not self.is_small:
            self.skipTest("a disk that can be filled needs the right to mount")
        self.assertEqual(self.stack.sql("CREATE TABLE kept (n int, filler text); INSERT INTO kept VALUES (7)"), "")
        self.assertIn("Created topic", self.stack.kafka_tool("admin", "TopicCommand", "--create", "--topic", TOPIC, "--partitions", "1"))
        self.assertNotIn("ERROR", self.stack.append("appender", "before the flood"))
        filler = self.disk / "filler"
        self.addCleanup(filler.unlink, missing_ok=True)
        with filler.open("wb") as file, contextlib.suppress(OSError):
            while file.write(bytes(1 << 20)):
                file.flush()
        self.assertIn("No space left", self.stack.sql("INSERT INTO kept SELECT n, repeat(md5(n::text), 40) FROM generate_series(1, 20000) n"))
        patient = threading.Thread(target=self.append_patiently)
        patient.start()
        self.addCleanup(patient.join)
        self.assertTrue(wait_until(lambda: self.states()["kafka"] == "no space", 60), self.states())
        filler.unlink()
        self.assertTrue(wait_until(lambda: set(self.states().values()) == {"running"}, LIMIT_S), self.states())
        self.assertIn("before the flood", self.stack.read("reader", 1))
        self.assertEqual(self.stack.sql("SELECT n FROM kept WHERE filler IS NULL"), "7")

    def append_patiently(self) -> None:
        """A record that the disk has no room for: it makes the broker end, and may never arrive."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stack.append("appender", "x" * 500_000)

    def states(self) -> dict[str, str]:
        done = subprocess.run([ROOT / "scripts" / "stack", "status", "--json"], env=self.stack.environment, text=True,
                              capture_output=True, timeout=LIMIT_S, check=False)
        return {row["part"]: row["state"] for row in json.loads(done.stdout)["parts"]}


class Ending(unittest.TestCase):
    # What it does when told to stop: tell whether the parts still answer.
    SERVE = """
import signal, socket, sys, time
def leave(*_):
    for port in sys.argv[2:]:
        socket.create_connection(("127.0.0.1", int(port)), 2).close()
    open(sys.argv[1], "w").write("all answered")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
while True: time.sleep(60)
"""

    def test_down_stops_serve_first_and_leaves_nothing(self) -> None:
        ports, witness = OTHER.ports(), HOME / "witness"
        serve = subprocess.Popen([sys.executable, "-c", self.SERVE, str(witness), *(str(ports[part]) for part in PARTS)],
                                 stdout=subprocess.PIPE)
        with serve:
            serve.stdout.readline()
            (OTHER.folder / "serve.pid").write_text(f"{serve.pid}\n{start_time(serve.pid)}\n")
            self.assertIn("serve", OTHER.run("status").stdout)
            said = OTHER.run("down").stderr
        self.assertEqual(witness.read_text(), "all answered")
        order = [said.index(f"\n{part} ") for part in ("registry", "kafka", "postgres")]
        self.assertEqual(order, sorted(order), said)
        self.assertEqual(OTHER.processes(), [])
        self.assertTrue(all(is_free(ports[name]) for name in ("kafka", "controller", "registry", "management", "postgres")))
        self.assertTrue(all(ONE.pids().values()), "the stack beside it must go on")
        OTHER.run("up")
        self.assertEqual(OTHER.ports(), ports)


class SideBySide(unittest.TestCase):
    def test_two_stacks_share_no_port_and_no_password(self) -> None:
        self.assertFalse(set(ONE.ports().values()) & set(OTHER.ports().values()))
        self.assertFalse(set(ONE.secrets().values()) & set(OTHER.secrets().values()))


class Pieces(unittest.TestCase):
    def test_a_file_with_other_content_is_refused_by_name(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (lock := Path(folder, "some.sha256")).write_text("# a remark\n" + "0" * 64 + "  a.jar\n")
            (files := Path(folder, "files")).mkdir()
            (files / "a.jar").write_bytes(b"")
            with self.assertRaises(StackError) as refused:
                check_digests(files, lock)
            for words in ("a.jar", "0" * 64, "e3b0c44298fc1c149afbf4c8996fb924"):
                self.assertIn(words, str(refused.exception))
            for extra, missing in (("b.jar", None), (None, "a.jar")):
                lock.write_text("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a.jar\n")
                check_digests(files, lock)
                (files / extra).touch() if extra else (files / missing).unlink()
                with self.assertRaises(StackError):
                    check_digests(files, lock)
                (files / extra).unlink() if extra else None

    def test_scram_speaks_as_rfc_7677_shows(self) -> None:
        client = ScramClient("user", "pencil")
        client._nonce = "rOprNGfwEbeRWgbNEkqO"
        client._first_bare = "n=user,r=rOprNGfwEbeRWgbNEkqO"
        answer = client.final(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
        self.assertTrue(answer.endswith(b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="))
        client.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
        with self.assertRaises(ScramError):
            client.verify(b"v=AAAA")


if __name__ == "__main__":
    unittest.main(verbosity=2)
