"""JSON in and out. A number never passes through a float: digits in are the digits that are stored and answered."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

import msgspec
from starlette.responses import Response

from events.absent import only_given
from events.actors import shown
from events.dates import read_day, read_instant
from events.decimals import plain, read_decimal
from events.resources.base import Model
from events.resources.bounds import NO_NUL
from projections.entities import Entity
from services.api.funds import added_to
from services.commands.refused import InvalidField, shortened
from services.personal.sealed import MARK, is_sealed

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder(decimal_format="number")
#: Most digits before the point; a longer number is refused before any computation.
_EXPONENT_MAX = 300
#: Most characters of a number with a fraction: no double has more, written in full. To make a double of a million
#: digits takes half a minute, while everybody waits.
_FRACTION_MAX = 1_100
#: Most values of a body, including nested ones, and most levels. Reading a value takes a microsecond or more, while
#: everybody waits; the largest useful body has a few thousand values, and six levels.
VALUES_MAX, LEVELS_MAX = 20_000, 64
#: A string of JSON, or an unfinished string.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
#: Most characters of a path in a message, and the end of a shortened one.
_PATH_MAX, _MORE = 200, "... (deeper)"


def parse_json(raw: bytes) -> Any:
    """The document of a request's body. Raises: InvalidField, with the place of the error."""
    if len(raw) > VALUES_MAX and _begun(raw) > VALUES_MAX and _begun(_STRING.sub(b"", raw)) > VALUES_MAX:
        raise InvalidField(field="body", rule=f"has more than {VALUES_MAX} values")
    try:
        text = raw.decode("utf-8-sig")  # the parser would take UTF-16 as well, in which no value was counted above
        document = json.loads(
            text, parse_int=_whole, parse_float=_decimal, parse_constant=_refuse, object_pairs_hook=_members
        )
        _check(document, "body")
    except json.JSONDecodeError as error:
        raise InvalidField(
            field="body", rule=f"must be JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from None
    except UnicodeDecodeError:
        raise InvalidField(field="body", rule="must be JSON in UTF-8") from None
    except RecursionError:
        raise InvalidField(field="body", rule=f"is nested too deeply, in more than {LEVELS_MAX} levels") from None
    except ValueError as error:
        raise InvalidField(field="body", rule=f"must be JSON: {error}") from None
    return document


def parse_object(raw: bytes) -> dict[str, Any]:
    """The object in a body; members that are null count as absent. Raises: InvalidField."""
    document = parse_json(raw)
    if not isinstance(document, dict):
        raise InvalidField(field="body", rule="must be a JSON object")
    return only_given(document)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _whole(text: str) -> int | Decimal:
    """The number; a double written in full, as JavaScript writes 1e20, and as the store answers 1e22, is no integer."""
    if len(text) > _EXPONENT_MAX + 1:
        raise ValueError(f"a number of {len(text)} digits is not of ordinary size")
    number = int(text)
    is_double = abs(number) >= 2**63 and Decimal(repr(float(number))) == number
    return Decimal(number) if is_double else number


def _decimal(text: str) -> Decimal:
    """The number; a number too small for any field becomes 0 before its digits are written out."""
    if len(text) > _FRACTION_MAX:
        raise ValueError(f"a number of {len(text)} characters is not of ordinary size")
    number = read_decimal(text)
    return number if number.adjusted() >= -_EXPONENT_MAX else Decimal(0)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's members. Raises: InvalidField for a repeated name, because its value would be ambiguous."""
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        field = shortened(twice.encode("utf-8", "replace").decode().replace("\0", "?"))
        raise InvalidField(field=field, rule="must be given once")
    return members


def _begun(raw: bytes) -> int:
    """An upper bound for the number of nested values; marks inside strings count, too."""
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _check(value: Any, path: str, level: int = 0) -> None:
    """Check for valid JSON that our storage cannot hold: NUL, lone surrogates, numbers of absurd size, endless
    depth.
    """
    if level > LEVELS_MAX:
        raise InvalidField(field="body", rule=f"is nested too deeply, in more than {LEVELS_MAX} levels")
    match value:
        case dict():
            for name, member in value.items():
                _check(name, path)
                step = shortened(name) if path == "body" else _step(path, f".{shortened(name)}")
                _check(member, step, level + 1)
        case list():
            for number, member in enumerate(value):
                _check(member, _step(path, f"[{number}]"), level + 1)
        case str() if "\0" in value:
            raise InvalidField(field=path.replace("\0", "?"), rule=NO_NUL)
        case str() if is_sealed(value):
            raise InvalidField(field=path, rule=f"must not begin with {MARK}")
        case str() if any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidField(field=path.encode("utf-8", "replace").decode(), rule="must be valid Unicode")
        case Decimal() if value and value.adjusted() > _EXPONENT_MAX:
            raise InvalidField(field=path, rule="must be a number of ordinary size")
        case int() if abs(value) >= 10**_EXPONENT_MAX:
            raise InvalidField(field=path, rule="must be a number of ordinary size")
        case _:
            pass


def _step(path: str, step: str) -> str:
    """The path one step further; a long path is shortened to its beginning."""
    return path if path.endswith(_MORE) else path + (step if len(path) + len(step) <= _PATH_MAX else _MORE)


def encode(document: Any) -> bytes:
    """The answer's JSON: decimals as numbers, days as `YYYY-MM-DD`, instants in UTC with `Z`."""
    return _ENCODER.encode(document)


def answer(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response with this document."""
    return raw_answer(encode(document), status, headers)


def raw_answer(payload: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response with JSON that is encoded already."""
    return Response(payload, status, headers, media_type="application/json")


class AsItStands(Response):
    """An answer whose JSON must not be opened: a signed document is sent unchanged."""

    media_type = "application/json"


def body_document(body: Model) -> dict[str, Any]:
    """The client's body, by the wire's names, without absent members."""
    return {
        name: value for name, value in body.model_dump(by_alias=True, exclude_unset=True).items() if value is not None
    }


def document_of(entity: Entity[Any], derived: dict[str, Any] | None = None) -> dict[str, Any]:
    """A resource as the wire shows it, with its settled fields."""
    document = {"id": entity.id, "version": entity.version, **body_document(entity.body), **added_to(entity)}
    document |= {name: _number(value) for name, value in (derived or {}).items()}
    return document | {
        "dtCreated": entity.created,
        "dtLastModified": entity.modified,
        "createdBy": shown(entity.created_by),
        "lastModifiedBy": shown(entity.modified_by),
    }


def wire_document(entity: Entity[Any]) -> dict[str, Any]:
    """A resource without settled fields, as a reader of the JSON sees it: days and instants are texts."""
    return parse_object(encode(document_of(entity)))


def _number(value: Any) -> Any:
    return Decimal(plain(value)) if isinstance(value, Decimal) else value


def instant(document: dict[str, Any], field: str) -> datetime:
    """A member that must be an instant with an offset. Raises: InvalidField."""
    value = document.get(field)
    if value is None:
        raise InvalidField(field=field, rule="is required")
    return _read(read_instant, value, field)


def day(text: str, field: str) -> date:
    """A day of a query parameter. Raises: InvalidField."""
    return _read(read_day, unescaped(text), field)


def unescaped(text: str) -> str:
    """A date-time of a query, where the unescaped + of an offset arrives as a space."""
    return text.replace(" ", "+")


def _read(read: Callable[[Any], T], value: Any, field: str) -> T:
    try:
        return read(value)
    except ValueError as error:
        raise InvalidField(field=field, rule=str(error)) from None
