"""Kafka: one KRaft node that is broker and controller, with logins for everyone and no permission that is not written.

| listener   | who            | login         |
|------------|----------------|---------------|
| CLIENT     | everyone       | SCRAM-SHA-256 |
| CONTROLLER | the node alone | PLAIN         |

`admin` may do everything, and so may `broker`, which is the node itself. Transactions are granted to nobody, so that
offsets on our topics stay dense.
"""
from __future__ import annotations

import base64
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from .folder import StackFolder
from .kafka_client import (CLUSTER, CLUSTER_NAME, DESCRIBE, DESCRIBE_CONFIGS, GROUP, IDEMPOTENT_WRITE, LITERAL, PREFIXED, READ,
                           TOPIC, WRITE, KafkaClient, KafkaRefused, Permission)
from .parts import Parts
from .process import Launch
from .service import Service
from .talk import StackError

TOPIC_PREFIX = "brainops"
CLIENTS = ("appender", "reader", "admin")
PERMISSIONS = [
    *(Permission("appender", TOPIC, TOPIC_PREFIX, PREFIXED, operation) for operation in (WRITE, DESCRIBE)),
    Permission("appender", CLUSTER, CLUSTER_NAME, LITERAL, IDEMPOTENT_WRITE),
    *(Permission("reader", TOPIC, TOPIC_PREFIX, PREFIXED, operation) for operation in (READ, DESCRIBE, DESCRIBE_CONFIGS)),
    *(Permission("reader", GROUP, TOPIC_PREFIX, PREFIXED, operation) for operation in (READ, DESCRIBE)),
]

LOGGING = """\
status=warn
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %m (%c{1})%n%throwable
rootLogger.level=info
logger.settings.name=org.apache.kafka.common.config
logger.settings.level=warn
rootLogger.appenderRef.out.ref=out
"""

SERVER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
log.dirs={data}

listeners=CLIENT://127.0.0.1:{kafka},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{kafka}
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER

sasl.enabled.mechanisms=SCRAM-SHA-256
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-256
sasl.mechanism.controller.protocol=PLAIN
listener.name.client.scram-sha-256.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required username="broker" password="{broker}";
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="{broker}" user_broker="{broker}";

authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:broker
allow.everyone.if.no.acl.found=false

# What an acknowledgement is worth. Kafka answers when the record is in the page cache of every replica in sync, and the
# kernel writes it to the disk within half a minute: a killed broker loses nothing of it, a machine without power may.
# In production the other replicas are on other machines (replication 3, min.insync.replicas 2), so the answer means two
# of them; here there is one machine, and one replica is all there can be. An fsync for each batch
# (log.flush.interval.messages=1) would close that gap at the price of one fsync per request and partition.
min.insync.replicas=1
# A replica that was not in sync would drop what was acknowledged.
unclean.leader.election.enable=false
# History is never deleted nor compacted unless a topic says so, also in a topic that somebody makes by hand.
log.retention.ms=-1
log.cleanup.policy=delete

# A topic is made with its settings or not at all.
auto.create.topics.enable=false
num.partitions=8
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=8
"""

# A dead consumer is noticed after seconds instead of 45, a new one is served at once, and a killed broker need not wait
# 9 seconds for its former self to be given up.
TEST_PROFILE = """
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=300
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=100
group.consumer.min.session.timeout.ms=100
group.consumer.min.heartbeat.interval.ms=50
group.consumer.session.timeout.ms=3000
group.consumer.heartbeat.interval.ms=500
"""


class Kafka(Service):
    """The broker of one stack."""

    name = "kafka"
    port_name = "kafka"
    ready_limit_s = 90
    stop_signal = signal.SIGTERM
    stop_limit_s = 30

    def __init__(self, stack: StackFolder, ports: dict[str, int], parts: Parts | None = None) -> None:
        super().__init__(stack, ports)
        self._parts = parts
        self._data = stack.elsewhere("kafka") or self.workplace / "data"

    def launch(self) -> Launch:
        # The quick compiler alone halves the start, the thorough one doubles the throughput.
        tuning = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"] if self._is_test() else ["-XX:+UseG1GC"]
        argv = [*self._java("-Xms128m", "-Xmx512m", "-XX:+ExitOnOutOfMemoryError", *tuning), "kafka.Kafka",
                str(self.workplace / "server.properties")]
        return Launch(argv, _environment(), self.workplace, also=self._server_properties())

    def prepare(self) -> None:
        self.stack.write_private("kafka/log4j2.properties", LOGGING)
        self.stack.write_private("kafka/server.properties", self._server_properties())
        formatted = self.workplace / "formatted"
        if not formatted.exists():
            shutil.rmtree(self._data, ignore_errors=True)
            self._data.mkdir(parents=True, mode=0o700)
            self._format()
            formatted.touch()

    def data_folder(self) -> Path:
        return self._data

    def has_data(self) -> bool:
        return (self._data / "meta.properties").exists()

    def destroy(self) -> None:
        """Removes the data, which may lie outside the stack folder."""
        shutil.rmtree(self._data, ignore_errors=True)

    def is_ready(self) -> bool:
        try:
            with self._log_in("admin") as client:
                return client.broker_count() > 0
        except OSError:
            return False

    def set_up(self) -> None:
        with self._log_in("admin") as client:
            client.allow(PERMISSIONS)
        for user in CLIENTS:
            with self._log_in(user):
                pass  # the password file is the one that Kafka knows

    def _log_in(self, user: str) -> KafkaClient:
        try:
            return KafkaClient(self.ports["kafka"], user, self.stack.secret(f"kafka-{user}"))
        except KafkaRefused as refused:
            raise StackError(f"kafka refuses {user} ({refused}); were the files in {self.stack / 'secrets'} changed? "
                             "scripts/stack reset begins anew") from None

    def _format(self) -> None:
        """Writes the first metadata, with the SCRAM users in it. The arguments go through a file (`@`), since everyone
        may read a command line."""
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        arguments = ["format", f"--cluster-id={cluster}", f"--config={self.workplace / 'server.properties'}"]
        for user in (*CLIENTS, "broker"):
            arguments.append(f"--add-scram=SCRAM-SHA-256=[name={user},password={self.stack.secret(f'kafka-{user}')}]")
        file = self.stack.write_private("kafka/format.arguments", "\n".join(arguments))
        try:
            done = subprocess.run([*self._java("-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool", f"@{file}"], cwd="/",
                                  env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, timeout=120, check=False)
        finally:
            file.unlink()
        if done.returncode != 0:
            raise StackError(f"kafka cannot format its data folder:\n{done.stdout.strip()[-2000:]}")

    def _java(self, *options: str) -> list[str]:
        return [self._parts.java_binary(), *options, "-cp", f"{self._parts.kafka}/*",
                f"-Dlog4j2.configurationFile={self.workplace}/log4j2.properties"]

    def _server_properties(self) -> str:
        settings = SERVER.format(**self.ports, data=self._data, broker=self.stack.secret("kafka-broker"))
        return settings + (TEST_PROFILE if self._is_test() else "")

    def _is_test(self) -> bool:
        return self.stack.profile() == "test"


def _environment() -> dict[str, str]:
    """Nothing of the caller's own Java settings: the stack is the same from every shell."""
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"}
