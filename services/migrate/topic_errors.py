"""Why a topic could not be made or taken, in words."""

from collections.abc import Mapping

from services.failures import ExpectedFailure, Worded
from services.migrate.topic_settings import LIMIT


class TopicRefusedError(Worded, ExpectedFailure):
    """topic {name} was refused by Kafka: {cause}; it was asked for with {asked}. If the cluster does not allow as much
    {limit}, lower TRUEUP_MAX_RECORD_BYTES; if it refuses another setting, have its operators allow it: what the
    topics hold depends on each of them
    """

    def __init__(self, name: str, cause: object, config: Mapping[str, str]) -> None:
        asked = ", ".join(f"{setting}={value}" for setting, value in sorted(config.items()))
        super().__init__(name=name, cause=cause, asked=asked, limit=LIMIT)


class TopicNotMadeError(Worded, ExpectedFailure):
    """topic {name} could not be made: {cause}"""

    def __init__(self, name: str, cause: object) -> None:
        super().__init__(name=name, cause=cause)


class UnknownLogError(Worded, ExpectedFailure):
    """topic {name} holds records that this database knows nothing of; restore Postgres, or run `trueup rebuild-store`
    to fill this database from the log, or give another Kafka
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
