"""Answers about usage: accepted measurements, refused items, usage that ingest refused or held, and its repetition."""

from datetime import datetime
from typing import Literal

from services.api.answers import Error
from services.api.shown import Shown


class RefusedItem(Shown):
    """An item of a request that was refused: its place in the list, from 0, and the reason."""

    index: int
    message: str


class ItemsRefused(Error):
    """The reason for a refusal; `refused` names the items that it is about, if any."""

    refused: tuple[RefusedItem, ...] | None = None


class Accepted(Shown):
    """All items are durable."""

    result: Literal["accepted"]


class RejectedUsage(Shown):
    """A usage record that was refused, or is held: the reason, the account, meter and id (`uid`) that it names, and
    times. `heldUntil`: when a held record is refused, unless its account or meter exists by then.
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
    """Refused records. `counts`, on the first page only: the number of records on all pages, by reason."""

    data: tuple[RejectedUsage, ...]
    counts: dict[str, int] | None = None
    next_token: str | None = None


class RejectedRecord(RejectedUsage):
    """A refused record with its content, bytes that are not UTF-8 as U+FFFD; without content if that no longer
    exists.
    """

    payload: str | None = None


class NotReplayed(Shown):
    """A refused record that cannot be sent again, and the reason."""

    id: str
    message: str


class ReplayAnswer(Shown):
    """The number of refused records that were sent again. `more`: there are further ones; repeat the request."""

    replayed: int
    left: tuple[NotReplayed, ...]
    more: bool


class DownloadUrl(Shown):
    """The address of the bytes."""

    url: str
