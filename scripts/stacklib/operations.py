"""The verbs: bring the stack up, take it down, look at it, destroy it."""
from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from . import kafka, supervisor
from .folder import StackFolder
from .kafka import Kafka
from .parts import Parts, ready_parts
from .ports import choose_ports
from .postgres import DATABASE, USER, Postgres
from .process import memory_mib
from .registry import Registry
from .service import Service
from .talk import StackError, Stopwatch, say, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
SERVE_STOP_LIMIT_S = 30
KILL_LIMIT_S = 10


def up(stack: StackFolder) -> None:
    """Starts what is not running and writes brainops.toml; running it again is harmless."""
    watch = Stopwatch()
    with stack.locked():
        stack.make()
        stack.remember(profile=stack.profile(), supervised=stack.is_supervised())
        stack.settle_data(("kafka", "postgres"))
        parts = ready_parts()
        ports = choose_ports(stack)
        broker, database, registry = Kafka(stack, ports, parts), Postgres(stack, ports, parts), Registry(stack, ports, parts)
        broker.start()
        database.start()
        database.await_ready()
        registry.start()
        broker.await_ready()
        registry.await_ready()
        stack.write_private("brainops.toml", configuration(stack, ports, registry.url()))
        if stack.is_supervised():
            supervisor.start(stack)
        elif supervisor.stop(stack):
            say(supervisor.NAME, "stopped; nobody starts again what dies")
    say("stack", f"ready in {watch}: {stack.path}")
    say("stack", 'for this shell: eval "$(scripts/stack env)"')


def down(stack: StackFolder) -> None:
    """Stops everything, what depends on others first; the data stays."""
    if not stack.exists():
        say("stack", f"there is none in {stack.path}")
        return
    supervisor.stop(stack)  # before the lock, which it may hold for as long as a part takes to start
    with stack.locked():
        stop_all(stack)


def stop_all(stack: StackFolder) -> None:
    watch = Stopwatch()
    if supervisor.stop(stack):  # an `up` may have started it since
        say(supervisor.NAME, "stopped")
    if stack.serve().stop(signal.SIGTERM, SERVE_STOP_LIMIT_S):
        say("serve", "stopped")
    if stack.host().stop(signal.SIGTERM, SERVE_STOP_LIMIT_S):
        say("host", "stopped")
    for service in reversed(services(stack)):
        say(service.name, "stopped" if service.stop() else "was not running")
    say("stack", f"down in {watch}")


def services(stack: StackFolder, parts: Parts | None = None) -> list[Service]:
    """All parts in the order of their start."""
    ports = stack.ports()
    return [Postgres(stack, ports, parts), Kafka(stack, ports, parts), Registry(stack, ports, parts)]


def supervise(stack: StackFolder, give_up_after: int) -> None:
    """Starts again what dies, in this very process, until told to end."""
    _need_stack(stack)
    supervisor.supervise(stack, services(stack, ready_parts()), give_up_after)


def kill(stack: StackFolder, part: str) -> None:
    """Ends a part with SIGKILL, as a crash would. What is supervised comes back."""
    _need_stack(stack)
    process = stack.process(part)
    pid = process.pid()
    if pid is None:
        raise StackError(f"{part} does not run")
    os.kill(pid, signal.SIGKILL)
    if not wait_until(lambda: process.pid() != pid, KILL_LIMIT_S):
        raise StackError(f"{part} does not die; its pid is {pid}")
    say(part, f"killed, it had pid {pid}")


def restart(stack: StackFolder, part: str) -> None:
    """Stops a part in good order and starts it again."""
    _need_stack(stack)
    with stack.locked():
        service = next(service for service in services(stack, ready_parts()) if service.name == part)
        service.stop()
        service.start()
        service.await_ready()


def _need_stack(stack: StackFolder) -> None:
    if not (stack / "brainops.toml").exists():
        raise StackError(f"no stack in {stack.path} yet; begin with scripts/stack up")


def status(stack: StackFolder) -> list[dict]:
    """One row per part: name, state, pid, port, memory, how often it was started again, when and why last."""
    rows, told = [], supervisor.report(stack)
    for service in services(stack):
        row = _row(service.name, service.process.pid(), stack.ports().get(service.port_name))
        watched = told.get(service.name, {})
        if not row["pid"] and watched.get("state") not in (None, supervisor.WATCHING):
            row["state"] = watched["state"]
        rows.append({**row, "restarts": watched.get("restarts", 0), "last_death": watched.get("last", "")})
    serve = stack.serve().pid()
    if serve:
        rows.append(_row("serve", serve, stack.ports().get("server")))
    host = stack.host().pid()
    if host:
        rows.append(_row("host", host, stack.ports().get("host")))
    return rows


def _row(part: str, pid: int | None, port: int | None) -> dict:
    return {"part": part, "state": "running" if pid else "stopped", "pid": pid, "port": port,
            "memory_mib": memory_mib(pid) if pid else None}


def reset(stack: StackFolder) -> None:
    """Stops everything and removes all that this stack has written."""
    supervisor.stop(stack)
    with stack.locked():
        stop_all(stack)
        Postgres(stack, stack.ports()).destroy()
        Kafka(stack, stack.ports()).destroy()
        stack.destroy()
    say("stack", f"destroyed: {stack.path}")


def configuration(stack: StackFolder, ports: dict[str, int], registry_url: str) -> str:
    """What `brainops` reads; its keys are a contract, unknown ones are refused there."""
    def text(value: object) -> str:
        return json.dumps(str(value), ensure_ascii=False)  # a TOML basic string has JSON's escapes

    def secret(name: str) -> str:
        return text(stack / "secrets" / name)

    logins = "".join(f'[kafka.{user}]\nusername = "{user}"\npassword_file = {secret(f"kafka-{user}")}\n' for user in kafka.CLIENTS)
    return f"""\
# Written by scripts/stack up, which overwrites it.
[kafka]
bootstrap_servers = "127.0.0.1:{ports['kafka']}"
security_protocol = "SASL_PLAINTEXT"
sasl_mechanism = "SCRAM-SHA-256"
{logins}[log]
prefix = "{kafka.TOPIC_PREFIX}"
partitions = 8
replication = 1
[registry]
url = {text(registry_url)}
[postgres]
host = "127.0.0.1"
port = {ports['postgres']}
database = "{DATABASE}"
username = "{USER}"
password_file = {secret("postgres-brainops")}
sslmode = "disable"
[server]
listen = "127.0.0.1:{ports['server']}"
[state]
folder = {text(stack / "state")}
{_services(stack, ports, text)}"""


def _services(stack: StackFolder, ports: dict[str, int], text: Callable[[object], str]) -> str:
    """Services that `brainops host` runs here, what agents may do with them, and how often they are looked at."""
    manifest = stack / "demo/services.toml"
    if not manifest.exists():
        return ""
    return f"""\
[tools]
policy = {text(ROOT / "examples/shop/policy.cedar")}
[deploy.host]
manifest = {text(manifest)}
listen = "127.0.0.1:{ports['host']}"
[sensors]
every_seconds = 1
"""
