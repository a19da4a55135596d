"""What an organization did by itself, in a scenario's words, which are the same for a play in memory and a live one."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from events.decimals import normal
from events.resources.base import moment_text

_OF_ACT = ("outcome", "amount", "found", "reason")
_OF_ALERT = ("day", "amount", "spent", "remaining")


def act_told(act: Mapping[str, Any]) -> dict[str, Any]:
    """An act of an automatic rule, from a member of GET automaticacts, or from its fact."""
    return as_told({"date": act["day"], **{name: act.get(name) for name in _OF_ACT}})


def alert_told(alert: Mapping[str, Any], day: date, about: str | None) -> dict[str, Any]:
    """An alert, from an event's `newDto`, or from its fact. `day`: the organization's day, for an alert about an event;
    an alert about a level has its own. `about`: the file's name of its subject.
    """
    return as_told({"date": alert.get("asOf", day), "about": about, **{name: alert.get(name) for name in _OF_ALERT}})


def one_after_another(alerts: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The alerts of a rule in the order of stories: oldest first, those of one day by their subjects."""
    return tuple(sorted(alerts, key=lambda alert: (alert["date"], alert.get("about", ""))))


def held_told(record: Mapping[str, Any]) -> dict[str, Any]:
    """Usage that is held, or was for too long, from a member of GET usage/held or usage/rejected."""
    until = record.get("heldUntil")
    return as_told(
        {
            "account": record.get("accountCode"),
            "meter": record.get("meterCode"),
            "uid": record.get("uid"),
            "reason": record["reason"],
            "until": until,
        }
    )


def in_order(records: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Records in the order of stories: by account, meter and uid, because their order of arrival is not always
    known.
    """
    names = ("account", "meter", "uid", "until")
    return tuple(sorted(records, key=lambda record: [str(record.get(name, "")) for name in names]))


def as_told(told: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that have values; equal numbers and moments are written alike."""
    return {name: _plain(value) for name, value in told.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal | int):
        return normal(Decimal(value))
    return moment_text(value) if isinstance(value, date) else value
