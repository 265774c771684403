"""The other peer: a Restate server from npm and a program of ours on its Rust SDK, each in a folder of the cache."""
from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stacklib.folder import cache_home
from stacklib.ports import SPARE, is_free
from stacklib.system import need_tool

from .stand import ROOT, CallFailed

RECIPE = ROOT / "deploy" / "peer" / "restate"
READY_LIMIT_S = 60
STOP_LIMIT_S = 20


@dataclass(frozen=True)
class Running:
    """A server with the program registered."""

    url: str
    pids: tuple[int, int]


class Restate:
    """The peer, installed and built, ready to be started."""

    def __init__(self) -> None:
        self.home = cache_home() / "peer-restate"
        self.home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(RECIPE / name, self.home / name)
        # Scripts of packages stay unrun: all that is needed is the program inside.
        subprocess.run([need_tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=self.home, check=True,
                       timeout=600, stdin=subprocess.DEVNULL)
        subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=RECIPE, check=True, timeout=1800,
                       env={**os.environ, "CARGO_TARGET_DIR": str(self.home / "target")})

    @contextlib.contextmanager
    def run(self, work: Path) -> Iterator[Running]:
        """A server with an empty journal and the program beside it; both are ended afterwards."""
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True, mode=0o700)
        ingress, admin, node, program = random.sample([port for port in random.sample(SPARE, 200) if is_free(port)], 4)
        environment = {**os.environ, "RESTATE_BIND_IP": "127.0.0.1", "RESTATE_BASE_DIR": str(work), "RESTATE_DISABLE_TELEMETRY": "true",
                       "RESTATE_BIND_ADDRESS": f"127.0.0.1:{node}", "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{admin}",
                       "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ingress}", "RESTATE_LOG_FILTER": "warn"}
        with contextlib.ExitStack() as ends, open(work / "log", "wb") as log:
            pids = []
            for command in ([str(self._server())], [str(self.home / "target" / "release" / "three-steps"), str(program)]):
                process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
                ends.callback(_end, process)
                pids.append(process.pid)
            _register(admin, program)
            yield Running(f"http://127.0.0.1:{ingress}", (pids[0], pids[1]))

    def _server(self) -> Path:
        """The program itself, not the script around it: its CPU is read by its process id."""
        found = sorted(self.home.glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))
        if not found:
            raise CallFailed("npm has brought no restate-server for this machine")
        return found[0]


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _register(admin: int, program: int) -> None:
    """Tells the server of the program, once both are up."""
    body = json.dumps({"uri": f"http://127.0.0.1:{program}"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{admin}/deployments", data=body, headers={"content-type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until, last = time.monotonic() + READY_LIMIT_S, "it said nothing"
    while time.monotonic() < until:
        try:
            with opener.open(request, timeout=10) as answer:
                answer.read()
                return
        except (urllib.error.URLError, OSError) as error:
            last = str(error)
            time.sleep(0.2)
    raise CallFailed(f"the peer's server does not take the program: {last}")
