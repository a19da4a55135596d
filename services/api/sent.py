"""Bodies of requests: each is declared once, by an object that reads it for a handler and describes it in OpenAPI.

It is read by the exact parser of `wire.py`, not by the framework's, which knows floats and takes a name twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from services.api.edges.bodies import body_of, check_media
from services.api.wire import parse_object
from services.commands.bodies import effective_date_of, parse_model, version_of
from services.commands.refused import InvalidField

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Given(Generic[M]):
    """A body that was read. `effective`: the day from which on the fees of an updated plan, template or group hold."""

    body: M
    document: dict[str, Any]
    effective: date | None

    @property
    def version(self) -> int | None:
        """The version that the client saw last. Raises: InvalidField."""
        return version_of(self.document)


class BodyReader:
    """Takes the bytes of a body."""

    #: How it refuses what it cannot take, whatever stands in it: too large, or of another type or encoding.
    refusals: ClassVar[tuple[int, ...]] = (413, 415)


@dataclass(frozen=True, eq=False, repr=False)
class Body(BodyReader, Generic[M]):
    """A JSON object of this model. An instance is a dependency: `Annotated[Sent[M], Depends(body)]`."""

    model: type[M]
    #: Members of answers that may be sent back, and are not read.
    unread: tuple[str, ...] = ()
    #: What becomes of a `version` beside the model's fields.
    version: Literal["unread", "optional", "required"] = "unread"
    #: Whether an `effectiveDate` may stand beside the model's fields.
    dated: bool = False
    #: Whether no body at all is as good as an empty object.
    may_be_absent: bool = False
    #: Members that may be left out, and are kept all the same.
    defaults: Mapping[str, Any] = field(default_factory=dict)
    #: Members that the path has: they may be left out, and must say the same otherwise.
    in_path: tuple[str, ...] = ()
    media: tuple[str, ...] = ("application/json",)
    #: What OpenAPI calls it, if not as its model.
    title: str | None = None

    @property
    def name(self) -> str:
        """What OpenAPI calls it."""
        return self.title or self.model.__name__

    async def __call__(self, request: Request) -> "Sent[M]":
        check_media(request.headers, self.media)
        return Sent(await self.bytes_of(request), self)

    async def bytes_of(self, request: Request) -> bytes:
        """Raises: BodyTooLargeError, UnsupportedEncodingError, BrokenEncodingError."""
        return await body_of(request)


@dataclass(frozen=True, slots=True)
class Sent(Generic[M]):
    """The bytes of a body. Whether the organization exists, and whether a key was used before, is asked before it is
    read."""

    raw: bytes
    declared: Body[M]

    def read(self, **beside: Any) -> Given[M]:
        """The body; `beside` are members that the query or path gives. Raises: InvalidField, InvalidBody."""
        declared = self.declared
        document = {} if declared.may_be_absent and not self.raw else parse_object(self.raw)
        # What is there already has them for life, and the rules of its kind say so.
        for name in declared.in_path if declared.version != "required" else ():
            if document.get(name, beside[name]) != beside[name]:
                raise InvalidField(field=name, rule="must be the one of the path")
        effective = None
        if declared.dated:
            document, effective = effective_date_of(document)
        document = {**declared.defaults, **beside, **document}
        return Given(parse_model(declared.model, document, declared.unread), document, effective)


@dataclass(frozen=True, slots=True)
class Unread:
    """The bytes of a body that says nothing: for a path that takes none."""

    raw: bytes


class Anything(BodyReader):
    """Whatever is sent, of any type. An instance is a dependency, as of Body."""

    async def __call__(self, request: Request) -> Unread:
        """Raises: BodyTooLargeError, UnsupportedEncodingError, BrokenEncodingError."""
        return Unread(await body_of(request))
