"""Bodies of requests: each is declared once, by an object that reads it for a handler and describes it in OpenAPI.

The exact parser of `wire.py` reads it, not the framework's, which uses floats and accepts repeated names.
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
    """A body that was read. `effective`: the day from which the fees of an updated plan, template or group apply."""

    body: M
    document: dict[str, Any]
    effective: date | None

    @property
    def version(self) -> int | None:
        """The version that the client saw last. Raises: InvalidField."""
        return version_of(self.document)


class BodyReader:
    """Reads the bytes of a body."""

    #: The statuses with which it may refuse any body: too large, or of another media type or encoding.
    refusals: ClassVar[tuple[int, ...]] = (413, 415)


@dataclass(frozen=True, eq=False, repr=False)
class Body(BodyReader, Generic[M]):
    """A JSON object of this model. An instance is a dependency: `Annotated[Sent[M], Depends(body)]`."""

    model: type[M]
    #: Members of answers that may be sent back, and are ignored.
    unread: tuple[str, ...] = ()
    #: How a `version` beside the model's fields is treated.
    version: Literal["unread", "optional", "required"] = "unread"
    #: Whether an `effectiveDate` may stand beside the model's fields.
    dated: bool = False
    #: Whether a missing body counts as an empty object.
    may_be_absent: bool = False
    #: Optional members that are stored all the same.
    defaults: Mapping[str, Any] = field(default_factory=dict)
    #: Members that the path has, too: they may be left out, and must otherwise be equal.
    in_path: tuple[str, ...] = ()
    media: tuple[str, ...] = ("application/json",)
    #: Its name in OpenAPI, if not its model's.
    title: str | None = None

    @property
    def name(self) -> str:
        """The body's name in OpenAPI."""
        return self.title or self.model.__name__

    async def __call__(self, request: Request) -> "Sent[M]":
        check_media(request.headers, self.media)
        return Sent(await self.bytes_of(request), self)

    async def bytes_of(self, request: Request) -> bytes:
        """The body's bytes. Raises: BodyTooLargeError, UnsupportedEncodingError, BrokenEncodingError."""
        return await body_of(request)


@dataclass(frozen=True, slots=True)
class Sent(Generic[M]):
    """The bytes of a body. They are parsed only after the checks of the organization and the key."""

    raw: bytes
    declared: Body[M]

    def read(self, **beside: Any) -> Given[M]:
        """The parsed body; `beside` are members from the query or path. Raises: InvalidField, InvalidBody."""
        declared = self.declared
        document = {} if declared.may_be_absent and not self.raw else parse_object(self.raw)
        # An existing resource has these members for life, and the rules of its kind check them.
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
    """The ignored bytes of a body, for a path that takes none."""

    raw: bytes


class Anything(BodyReader):
    """A body of any type, which is ignored. An instance is a dependency, like Body's."""

    async def __call__(self, request: Request) -> Unread:
        """Read the bytes. Raises: BodyTooLargeError, UnsupportedEncodingError, BrokenEncodingError."""
        return Unread(await body_of(request))
