"""Which port each part listens on: the usual one if it is free, else another; chosen once, then remembered.

Two stacks that come up at the same moment must not choose the same free port, so choices are noted in one file under one
lock. A note counts while its stack is coming up or has a part running; after that the port itself is the evidence.
"""
from __future__ import annotations

import json
import random
import socket
from pathlib import Path

from .folder import StackFolder, cache_home, file_lock
from .process import read_pid_file
from .talk import StackError, say

USUAL = {"kafka": 9092, "controller": 9093, "registry": 8081, "management": 9000, "postgres": 5432, "server": 8080,
         "host": 7421}
PART_OF = {"kafka": "kafka", "controller": "kafka", "registry": "registry", "management": "registry", "postgres": "postgres",
           "server": "serve", "host": "host"}
# Below the range the kernel hands out to outgoing connections, so that nobody lands on a remembered port by chance.
SPARE = range(20000, 30000)


def choose_ports(stack: StackFolder) -> dict[str, int]:
    """Settles every port of a stack and remembers it; ports of running parts stay as they are."""
    with file_lock(cache_home() / "ports.lock", "another stack to choose its ports"):
        others = _claims_of_others(stack)
        remembered = stack.ports()
        chosen: dict[str, int] = {}
        for name, usual in USUAL.items():
            before = remembered.get(name)
            if before and _is_running(stack, PART_OF[name]):
                chosen[name] = before
                continue
            chosen[name] = _first_free(before, usual, others | set(chosen.values()))
            if before and chosen[name] != before:
                say(PART_OF[name], f"port {before} is taken by someone else, moving to {chosen[name]}")
        _write_claims(stack, chosen)
        if chosen != remembered:
            stack.remember(ports=chosen)
        return chosen


def spare_ports(stack: StackFolder, count: int) -> list[int]:
    """Free ports for something else of this stack."""
    with file_lock(cache_home() / "ports.lock", "another stack to choose its ports"):
        taken = _claims_of_others(stack) | set(stack.ports().values())
        chosen: list[int] = []
        for _ in range(count):
            chosen.append(_first_free(None, 0, taken | set(chosen)))
        return chosen


def is_free(port: int) -> bool:
    """Whether we could listen on this loopback port now (a closed connection's remains do not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
            return True
        except OSError:
            return False


def _first_free(before: int | None, usual: int, taken: set[int]) -> int:
    spare = random.sample(SPARE, 200)
    for port in [before, usual, *spare]:
        if port and port not in taken and is_free(port):
            return port
    raise StackError(f"no free port found instead of {usual}, after 200 tries between {SPARE.start} and {SPARE.stop - 1}")


def _is_running(stack: StackFolder, part: str) -> bool:
    own = {"serve": stack.serve, "host": stack.host}
    process = own[part]() if part in own else stack.process(part)
    return process.pid() is not None


def _claims_file() -> Path:
    return cache_home() / "ports.json"


def _claims() -> dict[str, list[int]]:
    try:
        return json.loads(_claims_file().read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _claims_of_others(stack: StackFolder) -> set[int]:
    return {port for path, ports in _claims().items() if path != str(stack.path) and _is_alive(StackFolder(Path(path)))
            for port in ports}


def _is_alive(stack: StackFolder) -> bool:
    pid_files = [*(stack / "run").glob("*.pid"), stack / "serve.pid", stack / "host.pid"]
    return stack.is_busy() or any(read_pid_file(file) for file in pid_files)


def _write_claims(stack: StackFolder, chosen: dict[str, int]) -> None:
    kept = {path: ports for path, ports in _claims().items() if Path(path).exists()}
    kept[str(stack.path)] = sorted(chosen.values())
    half = _claims_file().with_suffix(".half")
    half.write_text(json.dumps(kept, indent=1) + "\n")
    half.replace(_claims_file())
