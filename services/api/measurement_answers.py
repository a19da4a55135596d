"""Answers about usage: that it was taken, why items were not, what ingest refused and what became of that."""

from datetime import datetime
from typing import Literal

from services.api.answers import Error
from services.api.shown import Shown


class RefusedItem(Shown):
    """An item of a request that was not taken: its place in the list, from 0, and why."""

    index: int
    message: str


class ItemsRefused(Error):
    """Why items were not taken; `refused` names each, where it is about items."""

    refused: tuple[RefusedItem, ...] | None = None


class Accepted(Shown):
    """All of it is durable."""

    result: Literal["accepted"]


class RejectedUsage(Shown):
    """A usage record that was refused, or is held: why, what it names, and when. `uid` is the id that it has,
    `heldUntil` when it is refused unless what it lacks is there by then.
    """

    id: str
    reason: str
    message: str
    account_code: str | None = None
    meter_code: str | None = None
    uid: str | None = None
    arrived_at: datetime
    rejected_at: datetime
    replayed_at: datetime | None = None
    held_until: datetime | None = None


class RejectedPage(Shown):
    """Refused records; `counts`, on the first page: how many there are on all pages, by reason."""

    data: tuple[RejectedUsage, ...]
    counts: dict[str, int] | None = None
    next_token: str | None = None


class RejectedRecord(RejectedUsage):
    """The same with the record as it came, what is no UTF-8 as U+FFFD; without it when it is not there any more."""

    payload: str | None = None


class NotReplayed(Shown):
    """A refused record that cannot be sent again, and why."""

    id: str
    message: str


class ReplayAnswer(Shown):
    """How many refused records were sent again. `more`: there are others like them; ask again."""

    replayed: int
    left: tuple[NotReplayed, ...]
    more: bool


class DownloadUrl(Shown):
    """Where the bytes are."""

    url: str
