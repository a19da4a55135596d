"""Checks of notification rules (docs/alerts.md)."""

from events.resources.notifications import LEVELS, READY, NotificationConfiguration
from projections.alerts.condition import ConditionError, condition_of
from services.commands.event_names import NAMES, kind_named
from services.commands.refused import InvalidField


def check_rule(body: NotificationConfiguration) -> None:
    """Check that it waits for an existing event name, and says which of these events count. Raises: InvalidField."""
    if body.event_name in READY:
        return
    if body.event_name not in NAMES:
        rule = f"must be one of {', '.join(READY)}, or of the names that GET events/types answers"
        raise InvalidField(field="eventName", rule=rule)
    if not body.calculation:
        if not body.always_fire_event:
            raise InvalidField(
                field="calculation", rule="must be given, or alwaysFireEvent be true, with an event's name"
            )
        return
    try:
        condition = condition_of(body.calculation)
    except ConditionError as error:
        raise InvalidField(field="calculation", rule=str(error)) from None
    kind = kind_named(body.event_name)
    for field in condition.fields:
        _check_told(field, kind.unsaid if kind else ())


def _check_told(field: str, unsaid: tuple[str, ...]) -> None:
    if field.split(".")[1] in unsaid:
        waits = ", ".join(LEVELS)
        rule = f"names {field}, which follows from usage and is in no event: rules for that are {waits}"
        raise InvalidField(field="calculation", rule=rule)
