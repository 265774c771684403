"""The peer: the Debezium JDBC sink on Kafka Connect, fetched by Maven, checked against our digests, run standalone.

Its jars lie in the cache beside those of the stack. Three parts: the runtime (the class path), the converter and the
sink (two plugins).
"""
from __future__ import annotations

import contextlib
import random
import re
import subprocess
import tarfile
import xml.etree.ElementTree
from dataclasses import dataclass
from pathlib import Path

from stacklib.folder import cache_home, file_lock
from stacklib.parts import Part, check_digests
from stacklib.ports import SPARE, is_free
from stacklib.system import need_tool

from .stand import ROOT, Stand

DEPLOY = ROOT / "deploy" / "peer"
NAMES = ("connect", "converter", "sink")


@dataclass(frozen=True)
class Setting:
    """How the peer is set up in a run."""

    name: str
    tasks: int
    unnest: bool
    batch: int
    flush_ms: int = 60_000


# Its fastest setting drops the milliseconds of times; its fastest without that flaw binds row by row.
FASTEST = Setting("fastest", tasks=2, unnest=True, batch=1_000)
CORRECT = Setting("correct", tasks=2, unnest=False, batch=5_000)
KILLED = Setting("killed", tasks=2, unnest=True, batch=1_000, flush_ms=5_000)


class Peer:
    """The peer's programs, ready to be started on a stand."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        with file_lock(cache_home() / "parts" / ".lock", "another fetch to finish"):
            for part in map(_part, NAMES):
                if not part.is_cached():
                    part.install()
        self.folders = {name: _part(name).folder() for name in NAMES}

    def command(self, setting: Setting, topic: str, database: str, run: str) -> list[str]:
        """The command line that runs it; the files with its settings, and passwords, are ours alone to read."""
        work = f"peer/{run}"
        values = {
            "KAFKA_PORT": self.stand.ports["kafka"], "REGISTRY_PORT": self.stand.ports["registry"],
            "POSTGRES_PORT": self.stand.ports["postgres"], "CONNECT_PORT": _free_port(), "PLUGINS": self._plugins(),
            "WORK": self.stand.stack / work, "FLUSH_MS": setting.flush_ms, "NAME": f"peer-{run}", "TOPIC": topic,
            "TASKS": setting.tasks, "DATABASE": database, "BATCH": setting.batch, "UNNEST": str(setting.unnest).lower(),
            "PASSWORD": self.stand.stack.secret("postgres-brainops"),
        }
        worker = _filled("worker.properties", values) + self._login()
        worker_file = self.stand.stack.write_private(f"{work}/worker.properties", worker)
        sink_file = self.stand.stack.write_private(f"{work}/sink.properties", _filled("sink.properties", values))
        # As Kafka's own start script sets it, which means production.
        java = ["-Xms256M", "-Xmx2G", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
                "-XX:+ExplicitGCInvokesConcurrent", f"-Dlog4j2.configurationFile={DEPLOY / 'log4j2.properties'}"]
        return [self._java(), *java, "-cp", f"{self.folders['connect']}/*", "org.apache.kafka.connect.cli.ConnectStandalone",
                str(worker_file), str(sink_file)]

    def _java(self) -> str:
        """The system's Java 17 if there is one, for which the recipe was tuned; else what Maven itself runs on."""
        return need_tool("java")

    def _plugins(self) -> Path:
        """One folder with a link to each plugin."""
        folder = self.stand.stack / "peer" / "plugins"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("converter", "sink"):
            with contextlib.suppress(FileExistsError):
                (folder / name).symlink_to(self.folders[name])
        return folder

    def _login(self) -> str:
        """Connect's own client and the consumers of its tasks log in as the administrator: they make groups of their own."""
        password = self.stand.stack.secret("kafka-admin")
        login = ("org.apache.kafka.common.security.scram.ScramLoginModule required "
                 f'username="admin" password="{password}";')
        lines = [f"{prefix}{name}={value}" for prefix in ("", "consumer.", "admin.") for name, value in (
            ("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "SCRAM-SHA-256"), ("sasl.jaas.config", login))]
        return "\n".join(lines) + "\n"


def _part(name: str) -> Part:
    """What `<name>/pom.xml` asks for, every file checked against `<name>.sha256`."""
    pom, lock = DEPLOY / name / "pom.xml", DEPLOY / f"{name}.sha256"
    version = xml.etree.ElementTree.parse(pom).findtext("{*}version")

    def fetch(download: Path, content: Path) -> None:
        subprocess.run([need_tool("mvn"), "-q", "-B", "-Dstyle.color=never", "-f", str(pom), "dependency:copy-dependencies",
                        "-DincludeScope=runtime", f"-DoutputDirectory={download}"],
                       check=True, timeout=900, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        check_digests(download, lock)
        for file in download.iterdir():
            if file.name.endswith(".tar.gz"):
                with tarfile.open(file) as archive:
                    archive.extractall(content, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
            else:
                file.rename(content / file.name)

    return Part(f"peer-{name}", version, lock.read_text(), fetch)


def _free_port() -> int:
    return next(port for port in random.sample(SPARE, 200) if is_free(port))


def _filled(name: str, values: dict) -> str:
    text = (DEPLOY / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", str(value))
    left = re.search(r"^[^#\n]*(@[A-Z_]+@)", text, re.MULTILINE)
    if left:
        raise ValueError(f"{name} asks for {left.group(1)}, which nobody has")
    return text
