"""What goes wrong with Kafka that is nobody's bug, and how long anything may take."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.failures import AddressedFailure, ExpectedFailure, Passing, Worded
from services.kafka.cluster import Cluster

REQUEST_TIMEOUT_S = 30.0
#: How aiokafka says that the cluster's ACLs do not allow it.
_FORBIDS = {"TopicAuthorizationFailedError", "GroupAuthorizationFailedError", "ClusterAuthorizationFailedError"}


class KafkaUnreachableError(AddressedFailure, Passing):
    """Kafka at {cluster} did not answer: {what}"""

    outside = "Kafka did not answer"

    def __init__(self, cluster: Cluster, cause: object) -> None:
        what = f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else str(cause)
        super().__init__(cluster=cluster, what=what.removesuffix(": "))


# It passes: rights are given and taken while we run, and brokers learn of them one after the other. A worker that ended
# over one would be started again, to meet the same; so it waits, says so once, and goes on when it may.
class KafkaForbidsError(AddressedFailure, Passing):
    """Kafka at {cluster} does not let {user} do this: {what}; docs/servers.md lists what must be allowed to whom"""

    outside = "Kafka does not let this server do what it must"

    def __init__(self, cluster: Cluster, cause: BaseException) -> None:
        super().__init__(cluster=cluster, user=cluster.user, what=f"{type(cause).__name__}: {cause}")


class LogHoleError(Worded, ExpectedFailure):
    """{topic}/{partition} has no offsets {start} to {last}, but has what comes after them: records are lost; restore
    Kafka's data
    """

    def __init__(self, topic: str, partition: int, start: int, end: int) -> None:
        super().__init__(topic=topic, partition=partition, start=start, last=end - 1)


@contextmanager
def kafka_errors(cluster: Cluster) -> Iterator[None]:
    """Around every call of the client: whatever it raises says that the connection is lost.

    But for names of headers that are not UTF-8: they are a record's, and read on with the lenient parser.
    Raises: KafkaUnreachableError, KafkaForbidsError, UnicodeDecodeError.
    """
    try:
        yield
    except (Passing, LogHoleError, UnicodeDecodeError):
        raise
    except Exception as error:
        if type(error).__name__ in _FORBIDS:
            raise KafkaForbidsError(cluster, error) from error
        raise KafkaUnreachableError(cluster, error) from error


class ReadStalledError(Worded, Passing):
    """reading {topic}/{partition} made no progress for {seconds:.0f} s at offset {offset}"""

    def __init__(self, topic: str, partition: int, offset: int, seconds: float) -> None:
        super().__init__(topic=topic, partition=partition, seconds=seconds, offset=offset)
