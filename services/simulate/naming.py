"""Translates between the file's codes and field names and the API's ids and names; with the publishers of a story's
usage, the moment that stands for a day, and ingest's refusals in the file's words.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import uuid5

from events.envelope import NAMESPACE
from services.simulate.naming_fields import reference_fields
from services.simulate.player import RefusedError

_ID = re.compile(r"(with id )?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
TEXTS = ("who", "what", "where", "other", "metadata")
NUMBERS = ("measure", "income", "cost")
#: The publisher of usage with a uid in the file, and the publisher of all other usage, so that their ids never collide.
SOURCE, STEPS = "/simulate", "/simulate/steps"
#: Wordings of ingest about the API's fields, and their replacements in the file's words.
_IN_THE_FILE = (
    (re.compile(r"^id\b"), "uid"),
    (re.compile(r"^subject\b"), "account"),
    (re.compile(r"^time\b"), "ts"),
    (re.compile(r"^data\."), ""),
    (re.compile(r" must stand in data\."), " must stand in "),
    (re.compile(r"^ets must not be before time$"), "ets must not be before ts"),
    (re.compile(rf" of source '{SOURCE}' was used with other content$"), " was used with other content"),
)


def id_of(kind: str, code: str) -> str:
    """The id of an entity; the same scenario always gets the same ids."""
    return str(uuid5(NAMESPACE, f"simulate/{kind}/{code}"))


def resolved(kind: str, fields: Mapping[str, Any], id_of: Callable[[str, str], str] = id_of) -> dict[str, Any]:
    """Wire fields for scenario fields: codes become ids under the API's names; a field without a value stays as it
    is.
    """
    names = reference_fields(kind)
    wire: dict[str, Any] = {}
    for name, value in fields.items():
        field, to = names.get(name, (name, None))
        if to is None or not value:
            wire[field] = value
        else:
            wire[field] = [id_of(to, code) for code in value] if isinstance(value, list) else id_of(to, value)
    return wire


def in_words(message: str, kind: str | None, called: Mapping[str, str]) -> str:
    """A refusal's message in the file's words. `kind`: the kind it is about; `called`: the file's name for each id."""

    def told(match: re.Match[str]) -> str:
        name = called.get(match[2])
        if name is None:
            return match[0]
        return f"with code {name}" if match[1] else name

    text = _ID.sub(told, message)
    names = {wire: name for name, (wire, _) in reference_fields(kind).items()} if kind is not None else {}
    if not names:
        return text
    return re.sub(rf"\b({'|'.join(names)})\b", lambda match: names[match[1]], text)


def refusal(rule: str) -> RefusedError:
    """The refusal of usage that broke this rule of ingest, in the file's words."""
    worded = rule
    for wire, ours in _IN_THE_FILE:
        worded = wire.sub(ours, worded)
    return RefusedError(f"usage was refused: {worded}", rule)


def noon(day: date) -> datetime:
    """Noon of this day in UTC: a moment that lies on this day in nearly every zone."""
    return datetime.combine(day, time(12), UTC)
