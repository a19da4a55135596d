"""The choice among several pricings, by day (rules 3.5)."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from projections.calendar import Period, within

P = TypeVar("P")


class Candidate(NamedTuple, Generic[P]):
    """A pricing valid on `[start, end)`: the plan's own or its template's, created at `position`."""

    start: date
    end: date | None
    own: bool
    position: int
    pricing: P


class Span(NamedTuple, Generic[P]):
    """The pricing that applies on the days `[start, end)`."""

    start: date
    end: date | None
    pricing: P


def timeline(candidates: Iterable[Candidate[P]], start: date, end: date | None) -> tuple[Span[P], ...]:
    """The pricing of each day of `[start, end)`, by day, without the days that have none.

    The plan's own pricing comes before its template's; among several, the one that starts last, then the one created
    last.
    """
    last = date.max if end is None else end
    listed = [item for item in candidates if item.start < last and start < (item.end or date.max) and not _empty(item)]
    edges = {start, last}
    for item in listed:
        edges.update(day for day in (item.start, item.end) if day is not None and start < day < last)
    spans: list[Span[P]] = []
    for first, after in pairwise(sorted(edges)):
        holding = [item for item in listed if within(first, item.start, item.end)]
        if not holding:
            continue
        best = max(holding, key=lambda item: (item.own, item.start, item.position)).pricing
        stop = None if after == date.max else after
        if spans and spans[-1].pricing is best and spans[-1].end == first:
            spans[-1] = Span(spans[-1].start, stop, best)
        else:
            spans.append(Span(first, stop, best))
    return tuple(spans)


def _empty(item: Candidate[P]) -> bool:
    return item.end is not None and item.end <= item.start


def held_days(spans: Sequence[Span[P]], period: Period) -> list[tuple[P, list[Period]]]:
    """Each pricing that applies on days of the period, with those days as half-open runs, by first day."""
    held_by: dict[int, tuple[P, list[Period]]] = {}
    for start, end, pricing in spans:
        run = period.clipped(start, end)
        if run.start < run.end:
            held_by.setdefault(id(pricing), (pricing, []))[1].append(run)
    return list(held_by.values())
