"""The verbs: bring the stack up, take it down, look at it, destroy it."""
from __future__ import annotations

import json
import signal

from . import kafka
from .folder import StackFolder
from .kafka import Kafka
from .parts import ready_parts
from .ports import choose_ports
from .postgres import DATABASE, USER, Postgres
from .process import memory_mib
from .registry import Registry
from .service import Service
from .talk import Stopwatch, say

SERVE_STOP_LIMIT_S = 30


def up(stack: StackFolder) -> None:
    """Starts what is not running and writes brainops.toml; running it again is harmless."""
    watch = Stopwatch()
    with stack.locked():
        stack.make()
        stack.remember(profile=stack.profile())
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
    say("stack", f"ready in {watch}: {stack.path}")
    say("stack", 'for this shell: eval "$(scripts/stack env)"')


def down(stack: StackFolder) -> None:
    """Stops everything, what depends on others first; the data stays."""
    if not stack.exists():
        say("stack", f"there is none in {stack.path}")
        return
    with stack.locked():
        stop_all(stack)


def stop_all(stack: StackFolder) -> None:
    watch = Stopwatch()
    if stack.serve().stop(signal.SIGTERM, SERVE_STOP_LIMIT_S):
        say("serve", "stopped")
    for service in reversed(services(stack)):
        say(service.name, "stopped" if service.stop() else "was not running")
    say("stack", f"down in {watch}")


def services(stack: StackFolder) -> list[Service]:
    """All parts in the order of their start."""
    ports = stack.ports()
    return [Postgres(stack, ports), Kafka(stack, ports), Registry(stack, ports)]


def status(stack: StackFolder) -> list[dict]:
    """One row per part: name, state, pid, port, memory."""
    rows = []
    for service in services(stack):
        rows.append(_row(service.name, service.process.pid(), stack.ports().get(service.port_name)))
    serve = stack.serve().pid()
    if serve:
        rows.append(_row("serve", serve, stack.ports().get("server")))
    return rows


def _row(part: str, pid: int | None, port: int | None) -> dict:
    return {"part": part, "state": "running" if pid else "stopped", "pid": pid, "port": port,
            "memory_mib": memory_mib(pid) if pid else None}


def reset(stack: StackFolder) -> None:
    """Stops everything and removes all that this stack has written."""
    with stack.locked():
        stop_all(stack)
        Postgres(stack, stack.ports()).destroy()
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
"""
