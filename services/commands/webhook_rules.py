"""Rules of webhooks (docs/webhooks.md)."""

from events.resources.automation import TOLD
from events.resources.webhooks import ANY_BELOW, EVERY, NOTIFICATION, Webhook, wants
from services.commands.event_names import NAMES
from services.commands.refused import InvalidField


def check_webhook(body: Webhook) -> None:
    """Check that each name in its filter is the name of some event. Raises: InvalidField."""
    for number, event_type in enumerate(body.event_types or ()):
        if event_type in (EVERY, NOTIFICATION, *TOLD, *NAMES):
            continue
        if event_type.endswith(ANY_BELOW) and any(wants((event_type,), name) for name in (*TOLD, *NAMES)):
            continue
        rule = f"must be a name that GET events/types answers, the beginning of one with .*, {NOTIFICATION} or {EVERY}"
        raise InvalidField(field=f"eventTypes[{number}]", rule=rule)
