"""Plays a story with a player, step by step, and compares the results with its expectations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from traceback import extract_tb
from typing import Any

from events.resources.base import Resource
from events.resources.commitments import Commitment
from services.commands.catalog_rules import DATED, FEES
from services.commands.schedule_rules import SCHEDULES
from services.failures import ExpectedFailure
from services.simulate.entities import with_band_defaults
from services.simulate.filing import asked_of
from services.simulate.judging import refusal_differences, step_differences
from services.simulate.naming import NUMBERS, SOURCE, STEPS, TEXTS
from services.simulate.player import PlayedUnpriced, Player, RefusedError, UsageRecord, WrittenEntity, nameless
from services.simulate.story import Step, Story
from services.simulate.wording import TERMS, schedule_notes
from services.simulate.yaml_lines import ScenarioError

#: Errors that are neither the product's fault nor a difference: an invalid file, or a live system that does not answer.
_OF_THE_CALLER = (ScenarioError, ExpectedFailure)


@dataclass(frozen=True, slots=True)
class Played:
    """A played step: its result (bills, a commitment's fields, the message of a refusal, or None) and its differences,
    empty if all expectations hold.

    A view also shows usage without a price, which is never compared. `notes`: remarks about the fee schedules of
    commitments that were created or changed since the step before.
    """

    step: Step
    result: Any
    differences: tuple[str, ...]
    unpriced: tuple[PlayedUnpriced, ...] = ()
    notes: tuple[str, ...] = ()


def play(story: Story, player: Player) -> list[Played]:
    """Play a whole story. Raises: ScenarioError if the file itself is wrong."""
    try:
        player.configure(story.organization)
    except RefusedError as error:
        raise ScenarioError(1, "organization", str(error)) from error
    if story.statements is not None:
        try:
            player.configure_statements(story.statements)
        except RefusedError as error:
            raise ScenarioError(story.statements.line, "statementConfig", str(error)) from error
    theatre = _Theatre(player, story.earliest)
    for document in story.documents:
        what = f"{document.kind} {document.shown}"
        try:
            theatre.create([document])
        except RefusedError as error:
            raise ScenarioError(document.line, what, str(error)) from error
        except _OF_THE_CALLER:
            raise
        except Exception as error:
            raise ScenarioError(document.line, what, _failed(error)) from error
    return theatre.finish([theatre.play(step) for step in story.steps])


class _Theatre:
    """Plays steps. Its clock is the latest date of a bill, or at first the earliest date of the file."""

    def __init__(self, player: Player, clock: date) -> None:
        self._player, self._clock = player, clock
        self._notes: list[str] = []

    def create(self, documents: Sequence[WrittenEntity]) -> None:
        """Create all entities or none: if one is refused, those before it are deleted. Raises: RefusedError."""
        made: list[WrittenEntity] = []
        notes: list[str] = []
        try:
            for document in documents:
                notes += _notes(f"commitment {document.shown}", self._player.create(document))
                made.append(document)
        except RefusedError:
            for document in reversed(made):
                self._player.delete(document.kind, document.code, force=True)
            raise
        self._notes += notes

    def play(self, step: Step) -> Played:
        """Play one step, and note the differences."""
        played = self._play(step)
        notes, self._notes = tuple(self._notes), []
        return replace(played, notes=notes)

    def finish(self, played: list[Played]) -> list[Played]:
        """Wait for all usage. If any is refused, that counts as a difference of the last step of usage."""
        try:
            self._player.finish()
        except RefusedError as error:
            last = max(number for number, step in enumerate(played) if step.step.kind == "usage")
            last_played = played[last]
            differences = (*last_played.differences, *refusal_differences(last_played.step, error))
            played[last] = replace(last_played, result=str(error), differences=differences)
        return played

    def _play(self, step: Step) -> Played:
        try:
            result = self._perform(step)
            viewed = step.kind in ("preview", "unbilled")
            unpriced = tuple(self._player.unpriced(step.fields["account"])) if viewed else ()
        except RefusedError as error:
            return Played(step, str(error), tuple(refusal_differences(step, error)))
        except _OF_THE_CALLER:
            raise
        except Exception as error:
            return Played(step, None, (_failed(error),))
        if step.expect_error is not None:
            return Played(step, result, (f"was taken, but an error was expected: {step.expect_error}",))
        return Played(step, result, tuple(step_differences(step, result)), unpriced)

    def _perform(self, step: Step) -> Any:
        player, fields = self._player, step.fields
        match step.kind:
            case "usage":
                self._usage(step)
            case "bill":
                bills = player.bill(fields["date"], fields.get("account"), asked_of(step.expect))
                self._clock = max(self._clock, fields["date"])
                return bills
            case "automatic" | "alerts" | "held":
                return player.told(step.kind, fields.get("rule", ""), lambda told: not step_differences(step, told))
            case "account" | "commitment" | "preview" | "unbilled":
                return self._view(step)
            case "journal":
                return player.journal(fields["date"], fields.get("chart"))
            case "approve":
                player.approve(fields["account"])
            case _:
                self._command(step)
        return None

    def _view(self, step: Step) -> Any:
        player, fields = self._player, step.fields
        match step.kind:
            case "account":
                return player.account(fields["account"])
            case "commitment":
                return player.commitment(fields["commitment"], self._clock)
            case _:
                view = player.preview if step.kind == "preview" else player.unbilled
                return view(fields["account"], fields["date"])

    def _command(self, step: Step) -> None:
        player, fields = self._player, step.fields
        match step.kind:
            case "create":
                self.create(step.documents)
            case "update":
                self._update(fields)
            case "delete":
                effective = fields.get("effectiveDate", self._next_day(fields["kind"]))
                player.delete(fields["kind"], fields["code"], fields.get("force", False), effective)
            case "topUp":
                player.top_up(fields["commitment"], fields["amount"], fields["date"], fields.get("recurring", False))
            case "cancel":
                player.cancel(fields["commitment"], fields["date"], fields.get("policy"))
            case "transaction":
                player.transact(fields["balance"], fields["amount"], fields["date"])
            case "void":
                player.void(fields["account"], fields["uid"])
            case "amend":
                player.amend(fields["account"], fields["uid"], _values(fields))
            case "forget":
                player.forget(fields["account"])
            case "adjustment":
                player.create(_adjustment(step))

    def _update(self, fields: Mapping[str, Any]) -> None:
        """Update an entity. Without a date in the step, a new fee of a plan holds from the clock's date, new terms of a
        schedule from the day after it.
        """
        kind, code, given = fields["kind"], fields["code"], with_band_defaults(fields["set"])
        fees = kind in DATED and any(name in given for name in FEES)
        effective = fields.get("effectiveDate", self._clock if fees else self._next_day(kind))
        body = self._player.update(kind, code, given, effective)
        if any(name in given for name in TERMS):
            self._notes += _notes(f"commitment {code}", body)

    def _next_day(self, kind: str) -> date | None:
        """The day from which a change of a schedule holds by default; None for other kinds."""
        return self._clock + timedelta(days=1) if kind in SCHEDULES else None

    def _usage(self, step: Step) -> None:
        fields, ts = step.fields, step.fields["ts"]
        every, until = fields.get("repeat", (timedelta(0), ts))
        number = 0
        while True:
            number += 1
            self._player.usage(_record(step, ts, number if every else 0))
            ts += every
            if not every or ts >= until:
                break
        self._player.arrive(step.expect_error is not None)


def _notes(called: str, body: Resource) -> list[str]:
    return schedule_notes(called, body) if isinstance(body, Commitment) else []


def _record(step: Step, ts: Any, number: int) -> UsageRecord:
    fields = step.fields
    source, uid = (SOURCE, fields["uid"]) if "uid" in fields else (STEPS, f"step-{step.index}")
    values = _values(fields)
    # Repeated usage has the same duration each time.
    ets = ts + (fields["ets"] - fields["ts"]) if "ets" in fields else None
    return UsageRecord(
        source, f"{uid}-{number}" if number else uid, fields["account"], fields["meter"], ts, ets, values
    )


def _values(fields: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {category: fields[category] for category in (*NUMBERS, *TEXTS) if category in fields}


def _adjustment(step: Step) -> WrittenEntity:
    fields = step.fields
    value: Decimal = fields["value"]
    whole = int(value) if value == value.to_integral_value() else value
    body = {**fields, "date": fields["date"].isoformat(), "value": whole}
    # Two adjustments on one day are two entities, so the second is refused, as it is over HTTP.
    return WrittenEntity("counterAdjustment", nameless(f"step-{step.index}"), step.line, body)


def _failed(error: Exception) -> str:
    """An error inside the product, as a sentence with its place in the code."""
    last = extract_tb(error.__traceback__)[-1]
    return f"failed: {type(error).__name__}: {error} ({last.filename}:{last.lineno})"
