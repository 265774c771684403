"""The stack under the benchmark: one of its own, with settings close to production, and calls of `brainops-bench` on it."""
from __future__ import annotations

import functools
import json
import os
import subprocess
import urllib.request
from pathlib import Path

from stacklib.folder import StackFolder, cache_home
from stacklib.parts import POSTGRES, ready_parts
from stacklib.talk import StackError, say

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "crates" / "bench" / "src" / "line.avsc"
TABLES = ROOT / "crates" / "bench" / "src" / "tables.sql"
CALL_LIMIT_S = 600

# A server of 8 GiB, as a small installation would have it; checkpoints are asked for between the runs.
POSTGRES_SETTINGS = {
    "shared_buffers": "1GB", "max_wal_size": "4GB", "min_wal_size": "1GB", "checkpoint_timeout": "30min",
    "effective_cache_size": "6GB", "wal_compression": "off",
}


class CallFailed(Exception):
    """One call of `brainops-bench` or a statement did not do what it should."""


class Stand:
    """A running stack."""

    def __init__(self, folder: Path) -> None:
        self.stack = StackFolder(folder)
        self.environment = {**os.environ, "STACK_DIR": str(folder), "STACK_PROFILE": "default",
                            "BRAINOPS_CONFIG": str(folder / "brainops.toml")}
        self.binary = _target() / "release" / "brainops-bench"

    def up(self) -> None:
        """Builds the program, starts the stack, and starts it again with the settings if they are new."""
        say("bench", "building brainops-bench")
        built = subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "--package", "brainops-bench"], cwd=ROOT,
                               env={**os.environ, "CARGO_TARGET_DIR": str(_target())}, check=False)
        if built.returncode != 0:
            raise StackError("brainops-bench cannot be built")
        self._stack("reset", "--yes")  # what a run that was killed has left
        self._stack("up")
        if self.sql("postgres", "SHOW shared_buffers") != POSTGRES_SETTINGS["shared_buffers"]:
            for name, value in POSTGRES_SETTINGS.items():
                self.sql("postgres", f"ALTER SYSTEM SET {name} = '{value}'")
            self._stack("down")
            self._stack("up")
        self.ports = self.stack.ports()
        self.broker = self.stack.process("kafka").pid() or 0
        self.schema = self._register()

    def down(self) -> None:
        """Stops the stack and removes it."""
        self._stack("reset", "--yes")

    def call(self, *arguments: object) -> dict:
        """One measurement: the figures that `brainops-bench` prints."""
        command = [str(self.binary), *(str(argument) for argument in arguments)]
        try:
            done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=CALL_LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            raise CallFailed(f"{arguments[0]}: no end after {CALL_LIMIT_S} s") from None
        if done.returncode != 0:
            raise CallFailed(f"{' '.join(command[1:4])}: {_last_lines(done.stderr)}")
        return json.loads(done.stdout.splitlines()[-1])

    def database(self, name: str, synchronous: bool) -> str:
        """An empty database whose commits wait for the disk or not; checkpointed, so that each run begins alike."""
        self.drop(name)
        self.sql("postgres", f"CREATE DATABASE {name} OWNER brainops")
        self.sql("postgres", f"ALTER DATABASE {name} SET synchronous_commit = {'on' if synchronous else 'off'}")
        self.sql("postgres", "CHECKPOINT")
        return name

    def make_line_table(self, database: str, schema: str) -> None:
        """The table of the bench's read models, in another schema."""
        self.sql(database, "SET ROLE brainops;\n" + TABLES.read_text().replace("{generation}", schema))

    def drop(self, name: str) -> None:
        self.sql("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def sql(self, database: str, script: str) -> str:
        """What the superuser's psql prints."""
        command = [str(_postgres() / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
                   str(self.stack.ports()["postgres"]), "-U", "postgres", "-d", database]
        environment = {"PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": self.stack.secret("postgres-superuser")}
        done = subprocess.run(command, input=script, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CallFailed(f"{script[:60]}: {_last_lines(done.stderr)}")
        return done.stdout.strip()

    def _stack(self, *arguments: str) -> None:
        done = subprocess.run([str(ROOT / "scripts" / "stack"), *arguments], env=self.environment, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise StackError(f"scripts/stack {arguments[0]} failed: {_last_lines(done.stderr)}")

    def _register(self) -> int:
        """The id of the schema of the bench's events, registered under its own name as the platform's are."""
        schema = json.loads(SCHEMA.read_text())
        subject = f"{schema['namespace']}.{schema['name']}"
        url = f"http://127.0.0.1:{self.ports['registry']}/apis/ccompat/v7/subjects/{subject}/versions"
        body = json.dumps({"schema": json.dumps(schema)}).encode()
        request = urllib.request.Request(url, data=body, headers={"content-type": "application/vnd.schemaregistry.v1+json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return json.load(answer)["id"]


@functools.cache
def _postgres() -> Path:
    """The folder of `psql`."""
    return ready_parts().postgres / POSTGRES


def _target() -> Path:
    return Path(os.environ.get("CARGO_TARGET_DIR") or cache_home() / "target")


def _last_lines(text: str, count: int = 4) -> str:
    return " | ".join(text.strip().splitlines()[-count:]) or "it said nothing"
