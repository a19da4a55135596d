"""What may be found broken, in words: what is wrong, and what mends it."""

from events.topics import CHECKPOINTS, NOTIFICATIONS, TREE_HEADS, USAGE, USAGE_REJECTED
from services.failures import ExpectedFailure, Passing, Worded
from services.kafka.cluster import Cluster

_RESTORE = "restore Kafka's data (`trueup restore`, where there is an archive)"
_MEND_LOG = f"{_RESTORE}, or run `trueup rebuild-store`, which says what cannot be had back"
_MEND_USAGE = (
    "run `trueup migrate --new-usage`: it is then read under a new name, and what was rated already counts once;"
    " what nobody had read of the old one is lost"
)
_MEND_REJECTED = "run `trueup migrate`, which makes it anew; the refused usage that it held is lost"
_MEND_NOTIFICATIONS = (
    "run `trueup migrate`, which makes it anew; alerts that it held stay in the log, and are not told again"
)
_MEND_CHECKPOINTS = "run `trueup migrate`, which makes it anew; the next audit then begins at the beginning"
_MEND_TREE_HEADS = "run `trueup migrate`, which makes it anew; `trueup notary` then signs the log from its beginning"


class BreakError(Worded, ExpectedFailure):
    """Log and store do not go on from what was known of them: nothing may be accepted over that."""


class BeingMendedError(BreakError, Passing):
    """`trueup migrate` or `trueup rebuild-store` is at work on log and store; try again later"""


class TopicMissingError(BreakError, Passing):
    """topic {topic} does not exist; if it was deleted, {mend}"""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        super().__init__(topic=cluster.topic(topic), mend=_mend(topic))


class LogWentBackError(BreakError):
    """{topic}/{partition} ends at offset {end}, but {expected} was seen before: the topic was made anew or truncated;
    {mend}
    """

    def __init__(self, cluster: Cluster, topic: str, partition: int, end: int, expected: int) -> None:
        super().__init__(topic=cluster.topic(topic), partition=partition, end=end, expected=expected, mend=_mend(topic))


class LogShrunkError(BreakError):
    """{topic} has {found} partitions, but had {wanted}: the topic was made anew; {mend}"""

    def __init__(self, cluster: Cluster, topic: str, found: int, wanted: int) -> None:
        super().__init__(topic=cluster.topic(topic), found=found, wanted=wanted, mend=_mend(topic))


class LogCutError(BreakError):
    """{topic}/{partition} begins at offset {beginning}: the first records of the log were deleted, by a retention that
    somebody set or by hand; set retention.ms and retention.bytes of the topic to -1, and restore Kafka's data
    """

    def __init__(self, cluster: Cluster, topic: str, partition: int, beginning: int) -> None:
        super().__init__(topic=cluster.topic(topic), partition=partition, beginning=beginning)


class UsageLostError(BreakError):
    """{topic}/{partition} begins at offset {beginning}, but only what is before {expected} was read: usage that nobody
    had read was deleted, by retention or by hand; to go on with what is there, {mend}
    """

    def __init__(self, cluster: Cluster, partition: int, beginning: int, expected: int) -> None:
        super().__init__(
            topic=cluster.topic(USAGE), partition=partition, beginning=beginning, expected=expected, mend=_MEND_USAGE
        )


class LogChangedError(BreakError):
    """{topic}/{partition} has another record at offset {offset} than was seen there before: the topic was made anew and
    has grown since; {mend}
    """

    def __init__(self, cluster: Cluster, topic: str, partition: int, offset: int) -> None:
        super().__init__(topic=cluster.topic(topic), partition=partition, offset=offset, mend=_mend(topic))


class StoreWentBackError(BreakError):
    """{where} knows of event {known} of the event store, whose newest is {head}: Postgres was restored from an older
    backup; restore a newer one, or run `trueup rebuild-store`, which adds what the log holds
    """

    def __init__(self, known: int, head: int, where: str) -> None:
        super().__init__(where=where, known=known, head=head)


def _mend(topic: str) -> str:
    if topic == USAGE:
        return f"{_RESTORE}, or {_MEND_USAGE}"
    mends = {
        USAGE_REJECTED: _MEND_REJECTED,
        NOTIFICATIONS: _MEND_NOTIFICATIONS,
        CHECKPOINTS: _MEND_CHECKPOINTS,
        TREE_HEADS: _MEND_TREE_HEADS,
    }
    return mends.get(topic, _MEND_LOG)
