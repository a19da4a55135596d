"""Instants of usage: RFC 3339 text in, UTC and the log's own spelling of it out."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

_INSTANT = Annotated[datetime, msgspec.Meta(tz=True)]
_LENGTH = len("2026-01-01T00:00:00Z")


def utc_text(moment: datetime) -> str:
    """UTC as the log spells it: `2026-01-01T00:00:00Z`, microseconds only where there are some."""
    return moment.isoformat()[:-6] + "Z"


def parse_instant(text: str) -> tuple[datetime, str]:
    """The instant in UTC, and its text in the log.

    What is spelt as the log spells it, as nearly all usage is, keeps its text. `fromisoformat` also takes weeks and
    basic formats, which RFC 3339 has not: the separators are looked at first. Raises: ValueError naming the rule.
    """
    if len(text) == _LENGTH and text[7] == "-" and text[10] == "T" and text[13] == ":" and text[19] == "Z":
        return datetime.fromisoformat(text), text
    try:
        moment = msgspec.convert(text, _INSTANT).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError) as error:
        raise ValueError(f"must be RFC 3339 with an offset: {error}") from None
    return moment, utc_text(moment)
