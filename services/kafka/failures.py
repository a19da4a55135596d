"""Kafka failures that are not bugs, and the time limits of all calls."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.failures import AddressedFailure, ExpectedFailure, Passing, Worded
from services.kafka.cluster import Cluster

REQUEST_TIMEOUT_S = 30.0
#: aiokafka's errors for missing rights in the cluster's ACLs.
_FORBIDS = {"TopicAuthorizationFailedError", "GroupAuthorizationFailedError", "ClusterAuthorizationFailedError"}


class KafkaUnreachableError(AddressedFailure, Passing):
    """Kafka at {cluster} did not answer: {what}"""

    outside = "Kafka did not answer"

    def __init__(self, cluster: Cluster, cause: object) -> None:
        what = f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else str(cause)
        super().__init__(cluster=cluster, what=what.removesuffix(": "))


# It counts as temporary: rights are granted and revoked while we run, and brokers learn of them one after the other. A
# worker that ended would be restarted into the same failure; so it waits, reports the failure once, and goes on when it
# may.
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
    """Put around every call of the client: any error it raises means that the connection is lost.

    The exception are names of headers that are not UTF-8, which are a record's fault, and are read by the lenient
    parser. Raises: KafkaUnreachableError, KafkaForbidsError, UnicodeDecodeError.
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
