"""Kafka and Postgres in Docker containers, through testcontainers; used with TRUEUP_TEST_STACK=docker.

Each port on the host is chosen once and kept over restarts: a broker advertises its own port to clients, and Postgres
has to be found again at the same address.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from services.kafka import Cluster
from services.run.stack.faults import StackError
from services.run.stack.probe import free_ports, kafka_answers, postgres_answers

KAFKA_IMAGE = "apache/kafka:4.3.1"
POSTGRES_IMAGE = "postgres:18"
START_SECONDS = 120.0


class DockerPart:
    """A `StackPart` in a container, which is made at the first start and keeps its data until this process ends."""

    def __init__(
        self, image: str, port: int, env: dict[str, str], address: str, answers: Callable[[str, float], Awaitable[None]]
    ) -> None:
        self._image, self._port, self._env, self._address, self._answers = image, port, env, address, answers
        self._container: Any = None

    async def start(self) -> str:
        try:
            await asyncio.to_thread(self._run)
        except Exception as error:  # testcontainers and docker raise many kinds
            raise StackError(f"no container of {self._image}: {type(error).__name__} {error}") from error
        await self._answers(self._address, START_SECONDS)
        return self._address

    async def stop(self) -> None:
        if self._container:
            await asyncio.to_thread(self._container.get_wrapped_container().stop)

    async def kill(self) -> None:
        if self._container:
            await asyncio.to_thread(self._container.get_wrapped_container().kill)

    def _run(self) -> None:
        if self._container:
            self._container.get_wrapped_container().start()
            return
        container = _on_loopback(self._image, self._port)
        for name, value in self._env.items():
            container = container.with_env(name, value)
        self._container = container.start()  # removed by testcontainers' reaper when this process ends


def _on_loopback(image: str, port: int) -> Any:
    """A container whose port is bound on 127.0.0.1 alone: `with_bind_ports` takes no address, and lets a whole network
    in.
    """
    from testcontainers.core.container import DockerContainer

    class OnLoopback(DockerContainer):
        def __init__(self) -> None:
            super().__init__(image)
            self.ports = {f"{port}/tcp": ("127.0.0.1", port)}  # type: ignore[dict-item]  # as Docker's client has it

    return OnLoopback()


def docker_kafka() -> DockerPart:
    """Kafka in a container that is not started yet: one node, on a free port."""
    (port,) = free_ports(1)
    env = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "BROKER",
        "KAFKA_LISTENERS": f"BROKER://:{port},CONTROLLER://localhost:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"BROKER://localhost:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
    return DockerPart(
        KAFKA_IMAGE, port, env, f"localhost:{port}", lambda address, seconds: kafka_answers(Cluster(address), seconds)
    )


def docker_postgres() -> DockerPart:
    """Postgres in a container that is not started yet, on a free port."""
    (port,) = free_ports(1)
    env = {"POSTGRES_USER": "trueup", "POSTGRES_PASSWORD": "trueup", "POSTGRES_DB": "trueup", "PGPORT": str(port)}
    return DockerPart(
        POSTGRES_IMAGE, port, env, f"postgresql://trueup:trueup@localhost:{port}/trueup", postgres_answers
    )
