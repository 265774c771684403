"""Postgres 18 with pgvector: passwords for everyone, a database for `brainops` and one for the schema registry.

Postgres refuses to run as root. So root's stacks run it as a system user of its own, with data and a copy of the programs
where that user can go:

    /var/lib/brainops/postgres-<version>/    programs, shared
    /var/lib/brainops/stacks/<hash>/         data, socket, and the id of the stack folder they belong to

Anyone else has it all in the stack folder and the cache.
"""
from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from .folder import StackFolder, file_lock
from .parts import POSTGRES, Parts
from .process import Launch
from .scram import postgres_verifier
from .service import Service
from .system import is_root, postgres_account
from .talk import StackError, say

SHARED_HOME = Path("/var/lib/brainops")
DATABASE = USER = "brainops"
REGISTRY_DATABASE = REGISTRY_USER = "registry"
SOCKET_PATH_LIMIT = 107  # bytes, set by the kernel

CONFIGURATION = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{sockets}'
max_connections = 200
shared_buffers = 256MB
password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_line_prefix = '%m [%p] %q%u@%d '

# What a COMMIT is worth. All of these are the defaults, and written here because everything else rests on them: an
# answer to COMMIT means that it is on the disk, also if the machine then loses power.
fsync = on
synchronous_commit = on
full_page_writes = on
# After a failed fsync the kernel may have dropped the pages: Postgres ends, and recovers from its log.
data_sync_retry = off
# A backend that was killed takes the others with it, as it may have spoilt shared memory, and all begin anew at once.
restart_after_crash = on
# Enough for replication and for archiving; minimal would skip logging what is copied into new tables.
wal_level = replica
# Waits of a second or more for a lock are told, with who holds it: a takeover may stand behind such a one.
log_lock_waits = on
# Statements in errors are told, what was bound to their parameters is not: that is data.
log_parameter_max_length_on_error = 0
"""

ACCESS = """\
local all         all                  scram-sha-256
host  all         all     127.0.0.1/32 scram-sha-256
local replication all                  scram-sha-256
host  replication all     127.0.0.1/32 scram-sha-256
"""

# Run in template1, so that every database made later has the extension, which only a superuser may create.
SET_UP = """\
CREATE EXTENSION IF NOT EXISTS vector;
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['{user}', '{registry}']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \\gexec
ALTER ROLE {user} LOGIN CREATEDB CREATEROLE PASSWORD '{user_verifier}';
ALTER ROLE {registry} LOGIN PASSWORD '{registry_verifier}';
SELECT format('CREATE DATABASE %I OWNER %I', name, name) FROM unnest(ARRAY['{user}', '{registry}']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \\gexec
REVOKE CONNECT ON DATABASE {registry} FROM PUBLIC;
"""


class Postgres(Service):
    """The database server of one stack."""

    name = "postgres"
    port_name = "postgres"
    ready_limit_s = 60
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for every client to leave
    stop_limit_s = 30
    program = f"{POSTGRES}/postgres"
    orphans_end_alone = True  # children of a killed server notice and leave

    def __init__(self, stack: StackFolder, ports: dict[str, int], parts: Parts | None = None) -> None:
        super().__init__(stack, ports)
        self._parts = parts
        usual = SHARED_HOME / "stacks" / stack.place_hash() if is_root() else stack / "postgres"
        self._home = stack.elsewhere("postgres") or usual
        self._data = self.workplace = self._home / "data"

    def launch(self) -> Launch:
        argv = [str(self._programs() / "postgres"), "-D", str(self._data)]
        return Launch(argv, _environment(), self._data, account=postgres_account(), also=self._configuration())

    def prepare(self) -> None:
        self._make_home()
        if not self._data.exists():
            self._initialise()
        self._remove_stale_locks()
        self._write("data/postgresql.conf", self._configuration())
        self._write("data/pg_hba.conf", ACCESS)

    def data_folder(self) -> Path:
        return self._data

    def has_data(self) -> bool:
        return (self._data / "PG_VERSION").exists()

    def is_ready(self) -> bool:
        done = self._psql("postgres", "SELECT 1")
        if "password authentication failed" in done.stderr:
            raise StackError(f"postgres refuses its own superuser; were the files in {self.stack / 'secrets'} changed? "
                             "scripts/stack reset begins anew")
        return done.returncode == 0

    def set_up(self) -> None:
        script = SET_UP.format(
            user=USER, registry=REGISTRY_USER, user_verifier=postgres_verifier(self.stack.secret("postgres-brainops")),
            registry_verifier=postgres_verifier(self.stack.secret("postgres-registry")))
        done = self._psql("template1", script)
        if done.returncode != 0:
            raise StackError(f"cannot set up the roles and databases of postgres: {done.stderr.strip()}")

    def destroy(self) -> None:
        """Removes the data that lies outside the stack folder."""
        for folder in (self._home, self._sockets()):
            shutil.rmtree(folder, ignore_errors=True)

    def _make_home(self) -> None:
        """The folder for data and socket; what a stack folder deleted by hand has left there is removed."""
        owner = self._home / "stack-id"
        if self._home.exists() and (not owner.exists() or owner.read_text() != self.stack.identity()):
            say("postgres", f"removing {self._home}, left over from an earlier stack in {self.stack.path}")
            self.destroy()
        for folder in (self._home, self._sockets()):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), self._owner()):
                raise StackError(f"{folder} belongs to someone else")  # it may be in /tmp
            self._give(folder)
        if self._home.is_relative_to(SHARED_HOME):
            for folder in (SHARED_HOME, SHARED_HOME / "stacks"):
                folder.chmod(0o755)
        link = self.stack / "postgres"
        if self._home != link:
            link.unlink(missing_ok=True)
            link.symlink_to(self._home)
        self._write("stack-id", self.stack.identity())

    def _remove_stale_locks(self) -> None:
        """Postgres believes a killed server alive as long as its zombie waits to be reaped, or another process has its
        pid. We have just looked for what runs its program in this folder (end_orphans), and there is nothing."""
        for lock in (self._data / "postmaster.pid", *self._sockets().glob(".s.PGSQL.*")):
            lock.unlink(missing_ok=True)

    def _initialise(self) -> None:
        """Makes the data folder, under another name until it is whole."""
        fresh = self._home / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password = self._write("superuser-password", self.stack.secret("postgres-superuser"))
        account = postgres_account()
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
        try:
            done = subprocess.run(
                [str(self._programs() / "initdb"), "-D", str(fresh), "--username=postgres", f"--pwfile={password}",
                 "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                 "--data-checksums", "--no-instructions"],
                env=_environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                check=False, **identity)
        finally:
            password.unlink()
        if done.returncode != 0:
            raise StackError(f"postgres cannot make its data folder:\n{done.stdout.strip()[-2000:]}")
        fresh.rename(self._data)

    def _programs(self) -> Path:
        """The folder of `postgres`, `initdb` and the others, where the account that runs them can go."""
        source = self._parts.postgres
        if is_root():
            source = _shared_copy(source)
        return source / POSTGRES

    def _sockets(self) -> Path:
        folder = self._home / "run"
        if len(os.fsencode(folder / ".s.PGSQL.65535.lock")) <= SOCKET_PATH_LIMIT:
            return folder
        return Path("/tmp") / f"brainops-{os.geteuid()}-{self.stack.place_hash()}"

    def _configuration(self) -> str:
        return CONFIGURATION.format(port=self.ports["postgres"], sockets=self._sockets())

    def _psql(self, database: str, script: str) -> subprocess.CompletedProcess[str]:
        command = [str(self._parts.postgres / POSTGRES / "psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1",
                   "-h", "127.0.0.1", "-p", str(self.ports["postgres"]), "-U", "postgres", "-d", database]
        environment = {**_environment(), "PGPASSWORD": self.stack.secret("postgres-superuser"), "PGCONNECT_TIMEOUT": "5"}
        return subprocess.run(command, input=script, env=environment, capture_output=True, text=True, check=False)

    def _write(self, name: str, text: str) -> Path:
        path = self._home / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        self._give(path)
        return path

    def _give(self, path: Path) -> None:
        account = postgres_account()
        if account:
            os.chown(path, account.pw_uid, account.pw_gid)

    def _owner(self) -> int:
        account = postgres_account()
        return account.pw_uid if account else os.geteuid()


def _shared_copy(source: Path) -> Path:
    """The copy of the programs for root's stacks; made by one rename, made again when the source was."""
    copy = SHARED_HOME / source.name
    mark = ".checked-against"
    with file_lock(SHARED_HOME / ".lock", "another stack to copy the programs of postgres"):
        if (copy / mark).exists() and (copy / mark).read_text() == (source / mark).read_text():
            return copy
        half = copy.with_name(f".{copy.name}")
        shutil.rmtree(half, ignore_errors=True)  # what a killed `up` has left
        shutil.copytree(source, half, symlinks=True)
        for folder, _, _ in os.walk(half):
            os.chmod(folder, 0o755)
        shutil.rmtree(copy, ignore_errors=True)
        half.rename(copy)
    SHARED_HOME.chmod(0o755)
    return copy


def _environment() -> dict[str, str]:
    """Nothing of the caller's own PG* settings."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
