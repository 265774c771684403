"""The schema registry (Apicurio, Confluent's API), which keeps everything in the stack's Postgres."""
from __future__ import annotations

import os
import signal
import urllib.error
import urllib.request

from .folder import StackFolder
from .parts import Parts
from .postgres import REGISTRY_DATABASE, REGISTRY_USER
from .process import Launch
from .service import Service

API = "/apis/ccompat/v7"


class Registry(Service):
    """The schema registry of one stack."""

    name = "registry"
    port_name = "registry"
    ready_limit_s = 120
    stop_signal = signal.SIGTERM
    stop_limit_s = 20
    needs = ("postgres",)

    def __init__(self, stack: StackFolder, ports: dict[str, int], parts: Parts | None = None) -> None:
        super().__init__(stack, ports)
        self._parts = parts

    def launch(self) -> Launch:
        # The quick compiler alone: starts in half the time, and nothing here is hot.
        argv = [self._parts.java_binary(), "-Xms96m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-XX:+ExitOnOutOfMemoryError", "-Djava.util.logging.manager=org.jboss.logmanager.LogManager", "-jar",
                str(self._parts.registry / "quarkus-run.jar")]
        return Launch(argv, self._environment(), self.workplace)

    def prepare(self) -> None:
        self.workplace.mkdir(mode=0o700, exist_ok=True)

    def is_ready(self) -> bool:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{self.url()}/subjects", timeout=5) as answer:
                return answer.status == 200
        except (OSError, ValueError):
            return False

    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['registry']}{API}"

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC",
            "QUARKUS_HTTP_HOST": "127.0.0.1",
            "QUARKUS_HTTP_PORT": str(self.ports["registry"]),
            # Health and metrics have a door of their own that cannot be closed; unset, it is open to the network.
            "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
            "QUARKUS_MANAGEMENT_PORT": str(self.ports["management"]),
            "QUARKUS_BANNER_ENABLED": "false",
            "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
            "QUARKUS_LOG_CONSOLE_FORMAT": "%d{yyyy-MM-dd HH:mm:ss,SSS} %p %s%e (%c{1})%n",
            "APICURIO_STORAGE_KIND": "sql",
            "APICURIO_STORAGE_SQL_KIND": "postgresql",
            "APICURIO_DATASOURCE_URL": f"jdbc:postgresql://127.0.0.1:{self.ports['postgres']}/{REGISTRY_DATABASE}",
            "APICURIO_DATASOURCE_JDBC_INITIAL_SIZE": "2",  # left alone it takes 20 connections at once, up to 100
            "APICURIO_DATASOURCE_JDBC_MIN_SIZE": "2",
            "APICURIO_DATASOURCE_JDBC_MAX_SIZE": "20",
            "APICURIO_DATASOURCE_USERNAME": REGISTRY_USER,
            "APICURIO_DATASOURCE_PASSWORD": self.stack.secret("postgres-registry"),
        }
