"""Where an organization's events are sent to: webhooks.

What signs what is sent is no part of the body: facts are kept for ever, and a secret must be forgotten once it is
replaced (docs/webhooks.md).
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from events.resources.base import Code, Description, Name, Resource
from events.resources.bounds import MANY, Text, characters, items, rule

#: Characters of an address.
URL_MAX = 2_000
SCHEMES = ("https", "http")
#: In a filter: all events; all whose names begin with what stands before it, as `alert.*`; and all alerts.
EVERY, ANY_BELOW, NOTIFICATION = "*", ".*", "Notification"
#: What is sent where no filter says anything: m3ter's webhooks tell of notifications.
UNLESS_SAID = (NOTIFICATION, "alert.*", "automatic.*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


def is_address(text: str) -> bool:
    """Whether a text is an address that something could be sent to: with a host, without a user or a fragment."""
    if not _VISIBLE.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        parts.scheme in SCHEMES
        and bool(parts.hostname)
        and parts.username is None
        and parts.password is None
        and not parts.fragment
        and has_port
    )


_ADDRESS = "must be an address that begins with https:// and has a host, and no user, fragment or white space"
Address = Annotated[str, Field(min_length=1), characters(URL_MAX), rule(is_address, _ADDRESS)]
EventTypes = Annotated[tuple[Annotated[Text, Field(min_length=1)], ...], items(MANY)]


class Webhook(Resource):
    """A webhook destination: `url` is sent each event of the organization whose name `eventTypes` has.

    A name may end with `.*`, for all that begin so; `*` is every event, `Notification` an alert about an event. Without
    `eventTypes` it is sent all alerts and what automatic rules did. To one that is not `active` (it is, unless said)
    nothing is sent.
    """

    name: Name
    description: Description
    code: Code | None = None
    url: Address
    active: bool | None = None
    event_types: EventTypes | None = None

    @property
    def is_active(self) -> bool:
        """Whether anything is sent there."""
        return self.active is not False


def wants(event_types: tuple[str, ...] | None, name: str) -> bool:
    """Whether a filter lets events of this name pass."""
    asked = event_types or UNLESS_SAID
    return any(one in (EVERY, name) or (one.endswith(ANY_BELOW) and name.startswith(one[:-1])) for one in asked)
