"""What goes wrong with Kafka that is nobody's bug, and how long anything may take."""

from services.failures import ExpectedFailure

REQUEST_TIMEOUT_S = 30.0


class KafkaUnreachableError(ExpectedFailure):
    """Kafka at {bootstrap} did not answer: {cause}."""

    def __init__(self, bootstrap: str, cause: object) -> None:
        super().__init__(f"Kafka at {bootstrap} did not answer: {cause}")


class ReadStalledError(Exception):
    """Reading {topic}/{partition} made no progress for {seconds} s at offset {offset}."""

    def __init__(self, topic: str, partition: int, offset: int, seconds: float) -> None:
        super().__init__(f"reading {topic}/{partition} made no progress for {seconds:.0f} s at offset {offset}")
