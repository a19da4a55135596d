"""The base of all facts, and the topics that the relay carries them to."""

from enum import Enum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Route(Enum):
    """Which topics a fact of the event store is relayed to."""

    CATALOG = "catalog"
    ACCOUNT = "account"
    BOTH = "both"
    EVERYWHERE = "everywhere"


class FactModel(BaseModel):
    """A frozen value inside a fact. Unknown fields are an error: an old reader must not half-understand a new fact."""

    # Built on first use, like `Model`.
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


class Fact(FactModel):
    """Something that happened. The class name is the storage format: never rename it, supersede it by a version."""

    schema_version: ClassVar[int] = 1
    route: ClassVar[Route] = Route.ACCOUNT
