"""Apache Kafka as a child process: one KRaft node, which is broker and controller, on free ports of loopback.

Its data stay when the process ends. Ports stay the same over restarts by one object; another object may choose others.
"""

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path

import structlog

from services.kafka import Cluster
from services.run.stack.child import Command, run_to_end
from services.run.stack.faults import StackError
from services.run.stack.jars import find_java, kafka_jars
from services.run.stack.part import EmbeddedPart
from services.run.stack.prepared import META, ClassArchive, copy_formatted, keep_formatted, new_id
from services.run.stack.probe import free_ports, kafka_answers

START_SECONDS = 60.0
GRACE_SECONDS = 20.0
PORT_ATTEMPTS = 5
#: Options of the JVM. Only the first compiler is used: an embedded broker mostly runs for minutes, on a machine that it
#: shares with everything else. The optimizing compiler would take half of the broker's CPU, and never earn it back.
JVM = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)
_log = structlog.get_logger(__name__)


class EmbeddedKafka(EmbeddedPart):
    """Kafka as a child process; see `StackPart`."""

    name = "Kafka"
    #: How many ports it needs: the first for clients, the second for the controller.
    port_count = 2
    #: Further options for the tool that makes the data's folder.
    format_options: tuple[str, ...] = ()

    def __init__(self, folder: Path, keep_open: tuple[int, ...] = ()) -> None:
        super().__init__(folder, keep_open)
        self._ports: list[int] | None = None
        self._archive: ClassArchive | None = None
        self._classes = folder / "classes"

    async def start(self) -> str:
        self._archive = archive = ClassArchive.of(find_java(), await kafka_jars())
        await archive.make(self._folder / "classes.log")
        java = [str(archive.java), *JVM, *archive.options(self._classes), *archive.class_path]
        for attempt in range(1, PORT_ATTEMPTS + 1):
            ports = self._ports or free_ports(self.port_count)
            try:
                await self._start_at(java, ports)
            except StackError as error:
                # Another process may have taken the port after it was found free.
                taken = "BindException" in str(error) or "Address already in use" in str(error)
                if not taken or attempt == PORT_ATTEMPTS:
                    raise
                await asyncio.sleep(0.5)
                continue
            self._ports = ports
            return f"127.0.0.1:{ports[0]}"
        raise AssertionError("the last attempt returns or raises")

    def _properties(self, ports: list[int]) -> dict[str, object]:
        return server_properties(self._data, *ports[:2])

    async def stop(self) -> None:
        await super().stop()
        if self._archive:
            self._archive.learn(self._classes)

    async def _start_at(self, java: list[str], ports: list[int]) -> None:
        self._begin_output()
        config = self._folder / "server.properties"
        config.write_text(properties_text(self._properties(ports)))
        if not (self._data / META).exists():
            await self._format(java, config)
        argv = [*java, "kafka.Kafka", str(config)]
        command = Command("Kafka", argv, None, self._output, signal.SIGTERM, GRACE_SECONDS)
        broker = Cluster(f"127.0.0.1:{ports[0]}")
        await self._run(command, lambda runs: kafka_answers(broker, START_SECONDS, runs))
        _log.debug("kafka_started", port=ports[0], folder=str(self._folder))

    async def _format(self, java: list[str], config: Path) -> None:
        """Make the data's folder: a copy of one that Kafka's tool has formatted before, else by that tool."""
        assert self._archive is not None, "it is known once it starts"
        formatted = None if self.format_options else self._archive.file.with_name("formatted")
        if formatted and formatted.exists():
            copy_formatted(formatted, self._data)
            return
        argv = [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", new_id(), "-c", str(config)]
        argv += self.format_options
        await run_to_end(Command("Kafka's format tool", argv, None, self._output), START_SECONDS)
        if formatted:
            keep_formatted(self._data, formatted)


def properties_text(settings: Mapping[str, object]) -> str:
    """The text of a Java properties file with these settings."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def server_properties(data: Path, broker_port: int, controller_port: int) -> dict[str, object]:
    """The broker's whole configuration, by name. Topics are made by `trueup migrate` only, with their own retention."""
    return {
        "node.id": 1,
        "process.roles": "broker,controller",
        # Voters are configured here, not in the metadata log, because the port may be another one at the next start.
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"BROKER://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"BROKER://127.0.0.1:{broker_port}",
        "inter.broker.listener.name": "BROKER",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "num.partitions": 1,
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        # After a crash, the new broker may join when the old one's session ends: sooner here than the default 9 s.
        "broker.session.timeout.ms": 5000,
        "broker.heartbeat.interval.ms": 2000,
        # An idle broker's cost is that of its many threads, which look for work several times a second, and of a record
        # that it writes each half second to show followers that it lives: here are few threads, and no followers.
        "metadata.max.idle.interval.ms": 10_000,
        "num.io.threads": 2,
        "num.network.threads": 1,
        "group.coordinator.threads": 1,
        "share.coordinator.threads": 1,
        "auto.leader.rebalance.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        # The default would take 128 MB of the heap's 512 MB at the start.
        "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
    }
