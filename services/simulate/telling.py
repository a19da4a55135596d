"""What an organization did by itself, in a scenario's words: the same of a play in memory and of a live one."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from events.decimals import normal
from events.resources.base import moment_text

_OF_ACT = ("outcome", "amount", "found", "reason")
_OF_ALERT = ("day", "amount", "spent", "remaining")


def act_told(act: Mapping[str, Any]) -> dict[str, Any]:
    """What an automatic rule did, from a member of GET automaticacts, or of its fact."""
    return as_told({"date": act["day"], **{name: act.get(name) for name in _OF_ACT}})


def alert_told(alert: Mapping[str, Any], day: date, about: str | None) -> dict[str, Any]:
    """What a rule found, from an event's `newDto`, or from its fact. `day`: the organization's, of an alert about an
    event; one about a level says its own. `about`: what the file calls its subject."""
    return as_told({"date": alert.get("asOf", day), "about": about, **{name: alert.get(name) for name in _OF_ALERT}})


def one_after_another(alerts: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Alerts of a rule as stories tell them, oldest first, those of one day by what they are about."""
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
    """Records as stories tell them: by account, meter and uid, for what came first is not known of all."""
    names = ("account", "meter", "uid", "until")
    return tuple(sorted(records, key=lambda record: [str(record.get(name, "")) for name in names]))


def as_told(told: Mapping[str, Any]) -> dict[str, Any]:
    """The same without what is lacking, equal numbers and moments written alike."""
    return {name: _plain(value) for name, value in told.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal | int):
        return normal(Decimal(value))
    return moment_text(value) if isinstance(value, date) else value
