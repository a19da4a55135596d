"""Playing a scenario step by step."""

from dataclasses import dataclass
from typing import Any

from .ahead import Thresholds
from .commitment_grids import fixed_anew, fixed_grid
from .differences import shown_bills
from .issuing import Issuer
from .rates import Record
from .reading import Thing, absent, day, flag
from .refusals import (
    Refused,
    check_cancel,
    check_commitment,
    check_covered,
    check_delete,
    check_not_named,
    check_thing,
    check_top_up,
    check_transaction,
)
from .schedules import TERM, day_after
from .schedules import changed as retold
from .sent_usage import Persons, Sent, amend, content, times_of, void
from .states import commitment_state
from .world import KINDS, SINGULAR, Unknown, World

#: Steps that tell nothing that a settlement rests on.
ASKED = {"bill", "preview", "unbilled", "commitment", "account", "approve", "automatic"}


@dataclass
class StepResult:
    step: int
    kind: str
    result: Any = None
    error: str | None = None


class Player(Issuer):
    def __init__(self, scenario: Thing) -> None:
        super().__init__(World(scenario))
        for kind in [k for k in scenario if k in KINDS]:
            for body in scenario[kind] or []:
                self.tell(kind, body)
        self.clock = self.world.earliest
        self.sent: Sent = {}
        self.persons = Persons(scenario)
        self.thresholds = Thresholds(scenario)

    def do(self, kind: str, body: Any) -> Any:
        if kind not in ASKED:
            self.settlements, self.due = {}, {}
        self.thresholds.reach(kind, body)
        result = getattr(self, f"do_{kind.lower()}")(body)
        self.thresholds.follow(self)
        return result

    def tell(self, kind: str, body: Thing) -> None:
        self.world.add(kind, body)
        if kind == "commitments":
            self.world.grids[str(body["code"])] = fixed_grid(self.world, body)

    # What happens

    def do_usage(self, body: Thing) -> None:
        body = self.persons.named(body)
        repeat, conflicts = body.get("repeat"), list[str]()
        for number, moment in enumerate(times_of(body)):
            uid = None if absent(body.get("uid")) else str(body["uid"])
            if uid and repeat:
                uid = f"{uid}-{number + 1}"
            account = str(body["account"])
            if uid is not None:
                said = content(body, moment)
                if (before := self.world.seen.setdefault((account, uid), said)) is not said:
                    conflicts += [uid] if before != said else []
                    continue
            identity = f"{len(self.world.records):09d}"
            local = self.world.local_day(account, moment)
            record = Record(account, str(body["meter"]), moment, identity, local, body)
            self.world.records.append(record)
            if uid is not None:
                self.sent[account, uid] = record
        if conflicts:
            raise Refused(f"uid {conflicts[0]} was used with other content")

    def do_void(self, body: Thing) -> None:
        void(self.world.records, self.sent, body)

    def do_amend(self, body: Thing) -> None:
        amend(self.world.records, self.sent, self.persons.named(body))

    def do_forget(self, body: Thing) -> None:
        self.world.get("accounts", body["account"])
        self.persons.forget(str(body["account"]))

    def do_create(self, body: Thing) -> None:
        """Refused whole: what stands before the refused one is not made either."""
        before, schedules = {kind: dict(things) for kind, things in self.world.things.items()}, self.world.schedules
        try:
            for kind, items in body.items():
                for item in items:
                    check_thing(self.world, kind, item)
                    if kind == "commitments":
                        check_commitment(self.world, item, fixed_grid(self.world, item))
                    self.tell(kind, item)
        except (Refused, Unknown):
            self.world.things, self.world.schedules = before, schedules
            raise

    def do_update(self, body: Thing) -> None:
        [(name, code)] = [(name, code) for name, code in body.items() if name in SINGULAR]
        kind = SINGULAR[name]
        thing = self.world.get(kind, code)
        changed = {**thing, **body["set"]}
        check_thing(self.world, kind, changed)
        if kind == "aggregations" and changed["code"] != thing["code"]:
            check_not_named(self.world, str(code), "code: is named in the calculation of a compoundAggregation")
        if not absent(body.get("effectiveDate")) and thing.get("planTemplate") != changed.get("planTemplate"):
            raise Refused("effectiveDate: does not go with another planTemplate")
        if kind == "commitments":
            anew = fixed_anew(thing, changed)
            grid = fixed_grid(self.world, changed) if anew else self.world.grids[str(code)]
            check_commitment(self.world, changed, grid)
            self.world.grids[str(code)] = grid
        before = self.world.schedules, dict(self.world.things[kind])
        self.world.things[kind][str(code)] = changed
        if kind in TERM:
            self.world.schedules = retold(self.world, kind, str(code), day_after(self.clock, body), changed)
        try:
            self.check_balances(kind, changed)
        except Refused:
            self.world.schedules, self.world.things[kind] = before
            raise
        since = self.clock if absent(body.get("effectiveDate")) else day(body["effectiveDate"])
        self.world.dated.changed(kind, changed, since)

    def check_balances(self, kind: str, thing: Thing) -> None:
        """What was taken out of the balance that a changed thing is, or is about, stays covered."""
        if kind == "balances" or kind in TERM:
            check_covered(self.world, thing if kind == "balances" else self.world.get("balances", thing["balance"]))

    def do_delete(self, body: Thing) -> None:
        for name, code in body.items():
            if name not in ("force", "effectiveDate"):
                kind, before = SINGULAR[name], self.world.schedules
                thing = self.world.get(kind, code)
                if kind in TERM:
                    since, force = day_after(self.clock, body), flag(body.get("force"))
                    self.world.schedules = retold(self.world, kind, str(code), since, None, force)
                    try:
                        self.check_balances(kind, thing)
                    except Refused:
                        self.world.schedules = before
                        raise
                check_delete(self.world, name, str(code), body, self.billed, self.clock)
                del self.world.things[SINGULAR[name]][str(code)]
                if name == "commitment":
                    self.world.top_ups.pop(str(code), None)
                    self.world.cancels.pop(str(code), None)

    def do_topup(self, body: Thing) -> None:
        check_top_up(self.world, body)
        self.world.top_ups[str(body["commitment"])].append(body)

    def do_cancel(self, body: Thing) -> None:
        check_cancel(self.world, body)
        self.world.cancels[str(body["commitment"])] = body

    def do_adjustment(self, body: Thing) -> None:
        self.world.adjustments[(str(body["account"]), str(body["counter"]))][day(body["date"])] = body

    def do_transaction(self, body: Thing) -> None:
        check_transaction(self.world, body)
        self.world.transactions[str(body["balance"])].append(body)

    def do_approve(self, body: Any) -> None:
        """Bills are issued at once, and what an account is called moves no money."""

    do_account = do_approve

    # What is asked

    def do_bill(self, body: Thing) -> list[Thing]:
        at = day(body["date"])
        self.clock = max(self.clock, at)
        only = None if absent(body.get("account")) else str(body["account"])
        shown = []
        wanted = [only] if only else [a for root in self.world.roots() for a in self.world.family(root)]
        made = {account: self.bill_of(account, at, False) for account in wanted}
        for account, net in made.items():
            if net:
                self.issue(account, at, net)
                shown += shown_bills(account, net)
        return shown

    def do_automatic(self, body: Thing) -> list[Thing]:
        return list(self.thresholds.acts[str(body["rule"])])

    def do_preview(self, body: Thing) -> list[Thing]:
        return shown_bills(str(body["account"]), self.bill_of(str(body["account"]), day(body["date"]), False))

    def do_unbilled(self, body: Thing) -> list[Thing]:
        return shown_bills(str(body["account"]), self.bill_of(str(body["account"]), day(body["date"]), True))

    def do_commitment(self, code: str) -> Thing:
        root = self.world.root_of(str(self.world.get("commitments", code)["account"]))
        return commitment_state(self.world, str(code), self.settled(root, self.through(root, self.clock), True))


def play(scenario: Thing) -> list[StepResult]:
    return played_by(Player(scenario), scenario)


def played_by(player: Player, scenario: Thing) -> list[StepResult]:
    played = []
    for number, step in enumerate(scenario.get("steps") or []):
        kind = next(name for name in step if name not in {"expect", "expectError"})
        result = StepResult(number, kind)
        try:
            result.result = player.do(kind, step[kind])
        except (Refused, Unknown) as refused:
            result.error = str(refused)
        played.append(result)
    return played
