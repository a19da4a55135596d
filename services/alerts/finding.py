"""What rules find in a page of events. Pure, and bounded: while it is appended, everybody's commands wait."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from projections.entities import Entity
from services.alerts.matching import Event, Rule, Shown, event_document, holds, is_conditional, waits_for
from services.interruptions import INTERRUPTIONS
from services.store.happened import Happened, History, happened

#: Alerts of one transaction. Once so many are found, no further event is looked at before they are appended.
FACTS = 200


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what has happened, oldest first, with the rules of that moment, the accounts that it happened to, and
    what led to those events that some condition is about. `is_full`: more has happened."""

    rules: Sequence[Rule]
    events: Sequence[Event]
    accounts: Mapping[str, Entity[Any]]
    history: History
    is_full: bool


@dataclass(slots=True)
class Undecided:
    """Rules of which nobody knows whether an event fulfils their conditions, and why the first of them does not say."""

    error: Exception
    rules: list[str]


@dataclass(frozen=True, slots=True)
class Found:
    """`last`: up to which position all was looked at; None: not even the first event. Events that failed are by their
    position. One that failed is passed once a later one did not: if all fail, it is not the event that is wrong."""

    due: Sequence[tuple[Rule, Event]]
    failed: Mapping[int, Undecided]
    last: int | None
    has_more: bool

    @property
    def passed_over(self) -> dict[int, Undecided]:
        """The events behind which looking goes on although they failed."""
        return {position: failure for position, failure in self.failed.items() if position < (self.last or 0)}


def found_in(page: Page, generation: str, shown: Shown) -> Found:
    """Which rules have waited for which events of the page, from the first on."""
    documents, failed, by_name = _Documents(page, generation, shown), dict[int, Undecided](), defaultdict(list)
    for rule in page.rules:
        by_name[rule.body.event_name].append(rule)
    due, last = list[tuple[Rule, Event]](), None
    for event in page.events:
        position = event.envelope.sequence
        for rule in (rule for name in sorted(event.names) for rule in by_name[name] if waits_for(rule, event)):
            judged = _judged(rule, documents.of(position) if is_conditional(rule) else {})
            if isinstance(judged, Exception):
                failed.setdefault(position, Undecided(judged, [])).rules.append(rule.id)
            elif judged:
                due.append((rule, event))
        if position not in failed:
            last = position
            if len(due) >= FACTS:
                break
    return Found(due, failed, last, page.is_full or last != page.events[-1].envelope.sequence)


def _judged(rule: Rule, document: Mapping[str, Any] | Exception) -> bool | Exception:
    if isinstance(document, Exception):
        return document
    try:
        return holds(rule, document)
    except INTERRUPTIONS:
        raise
    except Exception as error:
        return error


class _Documents:
    """`new` and `old` of the events that some condition is about, each made when it is asked for."""

    def __init__(self, page: Page, generation: str, shown: Shown) -> None:
        self._page, self._shown = page, shown
        self._happened, self._broken = _happened_by_position(page.history, generation)
        self._position, self._document = 0, self._made(0)

    def of(self, position: int) -> Mapping[str, Any] | Exception:
        """The document, or why there is none."""
        if position != self._position:
            self._position, self._document = position, self._made(position)
        return self._document

    def _made(self, position: int) -> Mapping[str, Any] | Exception:
        if position in self._broken:
            return self._broken[position]
        if position not in self._happened:  # it happened to no resource
            return {}
        happening = self._happened[position]
        account = self._page.accounts.get(happening.envelope.account or "")
        sides = happening.before, happening.after
        try:
            return event_document(self._page.history.organization, account, *sides, self._shown)
        except INTERRUPTIONS:
            raise
        except Exception as error:
            return error


def _happened_by_position(history: History, generation: str) -> tuple[Mapping[int, Happened], Mapping[int, Exception]]:
    """What can be told; and why the rest cannot, which is about its own resource alone."""
    try:
        return _placed(happened(history, generation)), {}
    except INTERRUPTIONS:
        raise
    except Exception:
        told, broken = dict[int, Happened](), dict[int, Exception]()
        by_stream = defaultdict(list)
        for row in history.rows:
            by_stream[row["stream"]].append(row)
        for rows in by_stream.values():
            try:
                told |= _placed(happened(replace(history, rows=rows), generation))
            except INTERRUPTIONS:
                raise
            except Exception as error:
                broken |= dict.fromkeys((row["position"] for row in rows), error)
        return told, broken


def _placed(events: Sequence[Happened]) -> dict[int, Happened]:
    return {event.envelope.sequence: event for event in events}
