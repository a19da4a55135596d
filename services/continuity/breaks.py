"""What may be found broken, in words: what is wrong, and what mends it."""

from events.topics import USAGE, USAGE_REJECTED
from services.failures import ExpectedFailure, Passing

_MEND_LOG = "restore Kafka's data, or run `trueup rebuild-store`, which says what cannot be had back"
_MEND_USAGE = (
    "run `trueup migrate --new-usage`: it is then read under a new name, and what was rated already counts once;"
    " what nobody had read of the old one is lost"
)
_MEND_REJECTED = "run `trueup migrate`, which makes it anew; the refused usage that it held is lost"


class BreakError(ExpectedFailure):
    """Log and store do not go on from what was known of them: nothing may be accepted over that."""


class BeingMendedError(BreakError, Passing):
    """Somebody is at work on log or store, and what is found broken may be about to be whole."""

    def __init__(self) -> None:
        super().__init__("`trueup migrate` or `trueup rebuild-store` is at work on log and store; try again later")


class TopicMissingError(BreakError, Passing):
    """Topic {topic} does not exist. It may come back, as after a restart of the whole cluster."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic} does not exist; if it was deleted, {_mend(topic)}")


class LogWentBackError(BreakError):
    """{topic}/{partition} ends at offset {end}, but {expected} was seen before."""

    def __init__(self, topic: str, partition: int, end: int, expected: int) -> None:
        super().__init__(
            f"{topic}/{partition} ends at offset {end}, but {expected} was seen before: the topic was made anew or"
            f" truncated; {_mend(topic)}"
        )


class LogShrunkError(BreakError):
    """{topic} has {found} partitions, but {wanted} are known."""

    def __init__(self, topic: str, found: int, wanted: int) -> None:
        super().__init__(f"{topic} has {found} partitions, but had {wanted}: the topic was made anew; {_mend(topic)}")


class LogCutError(BreakError):
    """{topic}/{partition} begins at offset {beginning}: its first records were deleted."""

    def __init__(self, topic: str, partition: int, beginning: int) -> None:
        super().__init__(
            f"{topic}/{partition} begins at offset {beginning}: the first records of the log were deleted, by a"
            " retention that somebody set or by hand; set retention.ms and retention.bytes of the topic to -1, and"
            " restore Kafka's data"
        )


class UsageLostError(BreakError):
    """usage/{partition} begins at offset {beginning}, but only what is before {expected} was read."""

    def __init__(self, partition: int, beginning: int, expected: int) -> None:
        super().__init__(
            f"{USAGE}/{partition} begins at offset {beginning}, but only what is before {expected} was read: usage that"
            f" nobody had read was deleted, by retention or by hand; to go on with what is there, {_MEND_USAGE}"
        )


class LogChangedError(BreakError):
    """{topic}/{partition} has another record at offset {offset} than was seen there before."""

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        super().__init__(
            f"{topic}/{partition} has another record at offset {offset} than was seen there before: the topic was made"
            f" anew and has grown since; {_mend(topic)}"
        )


class StoreWentBackError(BreakError):
    """Kafka knows of event {known} of the event store, whose newest is {head}: Postgres was restored."""

    def __init__(self, known: int, head: int, where: str) -> None:
        super().__init__(
            f"{where} knows of event {known} of the event store, whose newest is {head}: Postgres was restored from an"
            " older backup; restore a newer one, or run `trueup rebuild-store`, which adds what the log holds"
        )


def _mend(topic: str) -> str:
    if topic == USAGE:
        return _MEND_USAGE
    return _MEND_REJECTED if topic == USAGE_REJECTED else _MEND_LOG
