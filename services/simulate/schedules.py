"""Says of a commitment's fee schedule when it bills something else than what is outstanding (api.md C4)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from events.decimals import parse_decimal, plain

_FIELDS = ("amount", "amountPrePaid", "feeDates", "currency")


class Schedules:
    """The commitments of a story as it amends them, and what is to be said of them next."""

    def __init__(self) -> None:
        self._terms: dict[str, dict[str, Any]] = {}
        self._notes: list[str] = []

    def take(self, code: str, title: str, fields: Mapping[str, Any]) -> None:
        """A commitment was made with these fields, or they were replaced; null takes one out. `title` names it."""
        given = {name: fields[name] for name in _FIELDS if name in fields}
        terms = self._terms.setdefault(code, {})
        terms |= given
        if given and terms.get("feeDates"):
            self._say(title, terms)

    def said(self) -> tuple[str, ...]:
        """What was not said before."""
        notes, self._notes = tuple(self._notes), []
        return notes

    def _say(self, title: str, terms: Mapping[str, Any]) -> None:
        billed = sum((parse_decimal(fee["amount"]) for fee in terms["feeDates"]), Decimal(0))
        outstanding = parse_decimal(terms["amount"]) - parse_decimal(terms.get("amountPrePaid") or 0)
        if billed != outstanding:
            rest = outstanding - billed
            what = f"{plain(rest)} is on no date" if rest > 0 else f"{plain(-rest)} more than that"
            money = f"{plain(billed)} of the {plain(outstanding)} {terms.get('currency', '')}".rstrip()
            self._notes.append(f"{title}: its feeDates bill {money} outstanding: {what}")
