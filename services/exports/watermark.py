"""A watermark: the position, in the order of commits, up to which something was exported; it is never a time."""

import re
from datetime import date
from typing import NamedTuple, Self

from services.failures import ExpectedFailure, Worded

_TEXT = re.compile(r"([0-9a-f]+)-([0-9]{1,18})(?:@(\d{4}-\d\d-\d\d))?", re.ASCII)


class UnreadableWatermarkError(Worded, ExpectedFailure):
    """{text} is no watermark: one is what an export has printed, such as 0a1b2c3d-1234"""


class ForeignWatermarkError(Worded, ExpectedFailure):
    """watermark {mark} is of another event store: this one is {generation}, and its facts have other places"""


class FutureWatermarkError(Worded, ExpectedFailure):
    """watermark {mark} lies beyond {end}, the end of what is in the log: Postgres was restored and has lost facts"""


class BackwardWatermarksError(Worded, ExpectedFailure):
    """there is nothing from watermark {since} to {until}: the latter comes first"""


class UnclosedWatermarkError(Worded, ExpectedFailure):
    """watermark {mark} is of no journal: it has no day up to which prepayments that are over were closed"""


class Watermark(NamedTuple):
    """Everything up to `position` of the store with this name. For a journal also the day up to which ended prepayments
    were closed; None before the first journal.
    """

    generation: str
    position: int
    closed: date | None = None

    @property
    def text(self) -> str:
        """The printed form, which `read` accepts."""
        return f"{self.generation}-{self.position}" + (f"@{self.closed}" if self.closed else "")

    @classmethod
    def read(cls, text: str) -> Self:
        """The watermark in a text. Raises: UnreadableWatermarkError."""
        match = _TEXT.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            return cls(match[1], int(match[2]), date.fromisoformat(match[3]) if match[3] else None)
        except ValueError:
            raise UnreadableWatermarkError(text=text) from None


class Range(NamedTuple):
    """Facts after `since` and up to `until`."""

    since: Watermark
    until: Watermark

    @property
    def is_empty(self) -> bool:
        """Whether it can hold no fact."""
        return self.since == self.until


def checked_range(
    since: Watermark | None, until: Watermark | None, newest: Watermark, log: Watermark | None = None
) -> Range:
    """The requested range; by default from the beginning, and up to the newest fact of the wanted types.

    `newest` has a day if the range is of a journal. `log`: the end of the log, if the caller knows a later one. Raises:
    ForeignWatermarkError, FutureWatermarkError, BackwardWatermarksError, UnclosedWatermarkError.
    """
    end = log or newest
    first = since or Watermark(newest.generation, 0)
    asked = Range(first, until or newest._replace(position=max(first.position, newest.position)))
    for mark in asked:
        if mark.generation != end.generation:
            raise ForeignWatermarkError(mark=mark.text, generation=end.generation)
        if mark.position > end.position:
            raise FutureWatermarkError(mark=mark.text, end=end.text)
    is_backward = asked.since.position > asked.until.position
    if is_backward or (asked.since.closed or date.min) > (asked.until.closed or date.max):
        raise BackwardWatermarksError(since=asked.since.text, until=asked.until.text)
    for mark in asked if newest.closed is not None else ():
        if mark.closed is None and mark.position:
            raise UnclosedWatermarkError(mark=mark.text)
    return asked
