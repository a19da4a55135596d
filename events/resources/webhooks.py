"""Webhooks: the destinations that an organization's events are sent to.

The signing secret is not part of the body: facts are kept for ever, and a replaced secret must be forgotten
(docs/webhooks.md).
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from events.resources.base import Code, Description, Name, Resource
from events.resources.bounds import MANY, Text, characters, items, rule

#: Longest address, in characters.
URL_MAX = 2_000
SCHEMES = ("https", "http")
#: Filters: all events; the suffix for all names with a prefix, such as `alert.*`; and all alerts.
EVERY, ANY_BELOW, NOTIFICATION = "*", ".*", "Notification"
#: The events that are sent if no filter is given, because m3ter's webhooks report notifications.
UNLESS_SAID = (NOTIFICATION, "alert.*", "automatic.*")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


def is_address(text: str) -> bool:
    """Whether the text is a usable address: with a host, and without user or fragment."""
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
    """A webhook destination: each event of the organization whose name matches `eventTypes` is sent to `url`.

    A name may end with `.*` to match a prefix; `*` matches every event, and `Notification` an alert about an event.
    Without `eventTypes`, all alerts and acts of automatic rules are sent. Nothing is sent to a destination that is not
    `active` (the default is active).
    """

    name: Name
    description: Description
    code: Code | None = None
    url: Address
    active: bool | None = None
    event_types: EventTypes | None = None

    @property
    def is_active(self) -> bool:
        """Whether events are sent to this destination."""
        return self.active is not False


def wants(event_types: tuple[str, ...] | None, name: str) -> bool:
    """Whether the filter matches an event of this name."""
    asked = event_types or UNLESS_SAID
    return any(one in (EVERY, name) or (one.endswith(ANY_BELOW) and name.startswith(one[:-1])) for one in asked)
