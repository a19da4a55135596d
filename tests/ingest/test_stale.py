"""What a command costs ingest: what was worked out for whom it concerns is worked out again, and for nobody else.

The law: whatever is commanded between pieces of usage, they are judged and rated as by a worker that forgets all it has
worked out with every command.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from events.codec import decode
from events.envelope import Envelope, seal
from events.facts.base import Fact
from events.facts.catalog import PricingUpdated, ProductUpdated
from events.facts.resources import (
    AccountCreated,
    AccountDeleted,
    AccountPlanCreated,
    AccountPlanDeleted,
    AccountPlanUpdated,
    AccountUpdated,
)
from events.facts.usage import UsageRated
from services.ingest.batch import PollOutcome
from services.ingest.catalogs import CatalogFollower, Catalogs
from services.ingest.lane import Lane
from services.ingest.stale import Stale
from services.kafka import Cluster
from tests.ingest.bench import ORIGINS, Bench
from tests.ingest.world import NOW, PRICES, World

CODES = ("root", "child", "other")


class Worker(Bench):
    """A bench that is told of commands; "child" is pooled under the plans of "root"."""

    def __init__(self, *, forgets_all: bool = False) -> None:
        super().__init__(World("org", 1, accounts=0))
        self.forgets_all = forgets_all
        self.follower = CatalogFollower(Cluster("nowhere:1"), ORIGINS)
        self.sequence = 0
        for fact, _ in self.world.facts():
            self.follower.evolve(self.sealed(fact, None))
        self.catalogs = Catalogs(self.follower)
        for code in CODES:
            self.command(account(self.world, code), self.world.account_id(code))
        for code in ("root", "other"):
            self.command(attached(self.world, code, 0), self.world.account_id(code))

    def sealed(self, fact: Fact, account: str | None) -> Envelope:
        self.sequence += 1
        named = {"source": "commands/x", "sequence": self.sequence, "organization": self.world.organization}
        return seal(fact, **named, time=NOW, account=account)  # type: ignore[arg-type]

    def command(self, fact: Fact, account: str | None = None) -> None:
        envelope = self.sealed(fact, account)
        self.follower.evolve(envelope)
        stale = self.catalogs.changed([envelope])
        if self.forgets_all:
            self.catalogs, stale = Catalogs(self.follower), Stale(frozenset((self.world.organization,)))
        self.state.forget(stale)

    def lane(self, code: str) -> Lane | None:
        return self.state.lanes.get((self.world.organization, code, "llm"))


def account(world: World, code: str) -> Fact:
    root = world.account_id("root" if code == "child" else code)
    parent = {"parentAccountId": root} if code == "child" else {}
    body = {"code": code, "name": code, "emailAddress": "a@example.org", **parent}
    made = {"id": world.account_id(code), "version": 1, "body": body, "rootId": root, "partition": 0, "timezone": "UTC"}
    return AccountCreated.model_validate(made)


def attached(world: World, code: str, number: int, *, end: str | None = None, version: int = 1) -> Fact:
    """An account plan: the first of an account begins with the usage's month, the later ones within it."""
    start = "2026-01-01" if number == 0 else f"2026-01-{10 + number % 10:02}"
    terms = {"accountId": world.account_id(code), "planId": world.id("plan"), "startDate": start, "endDate": end}
    kind = AccountPlanCreated if version == 1 else AccountPlanUpdated
    body = {name: value for name, value in terms.items() if value is not None}
    return kind.model_validate({"id": world.id("ap", code, number), "version": version, "body": body})


def renamed(world: World, code: str, name: str, version: int) -> Fact:
    body = {**account(world, code).body.model_dump(by_alias=True, exclude_none=True), "code": name}  # type: ignore[attr-defined]
    return AccountUpdated.model_validate({"id": world.account_id(code), "version": version, "body": body})


def repriced(world: World, factor: int, version: int) -> Fact:
    bands = [{**band, "unitPrice": f"0.0{factor}"} for band in PRICES]
    terms = {"planId": world.id("plan"), "aggregationId": world.id("sum"), "startDate": "2024-01-01"}
    body = {**terms, "pricingBands": bands, "cumulative": True}
    return PricingUpdated.model_validate({"id": world.id("pricing"), "version": version, "body": body})


def warm(worker: Worker) -> dict[str, Lane]:
    """Lanes of all accounts, as usage leaves them."""
    worker.take(*(worker.world.usage(f"warm-{code}", code) for code in CODES))
    found = {code: worker.lane(code) for code in CODES}
    return {code: lane for code, lane in found.items() if lane is not None}


def kept(worker: Worker, lanes: dict[str, Lane]) -> list[str]:
    return [code for code, lane in lanes.items() if worker.lane(code) is lane]


def test_what_happens_to_an_account_costs_its_family_and_nobody_else() -> None:
    worker = Worker()
    lanes = warm(worker)
    assert kept(worker, lanes) == ["root", "child", "other"]
    directory = worker.catalogs.directory("org")
    worker.command(attached(worker.world, "other", 1), worker.world.account_id("other"))
    assert kept(worker, lanes) == ["root", "child"]
    worker.command(attached(worker.world, "root", 0, end="2026-02-01", version=2), worker.world.account_id("root"))
    assert kept(worker, lanes) == []
    assert worker.catalogs.directory("org") is directory


def test_a_new_account_costs_nobody_anything() -> None:
    worker = Worker()
    lanes = warm(worker)
    worker.command(account(worker.world, "late"), worker.world.account_id("late"))
    assert kept(worker, lanes) == ["root", "child", "other"]
    assert len(worker.take(worker.world.usage("a", "late")).rejected) == 0


def test_what_is_the_organizations_costs_all_of_it_and_no_other_organization() -> None:
    worker = Worker()
    lanes = warm(worker)
    worker.state.forget(Stale(frozenset(("another",))))
    assert kept(worker, lanes) == ["root", "child", "other"]
    worker.command(repriced(worker.world, 7, 2))
    assert kept(worker, lanes) == []


def test_a_code_follows_whoever_has_it() -> None:
    worker = Worker()
    world = worker.world
    warm(worker)
    worker.command(renamed(world, "other", "new-name", 2), world.account_id("other"))
    outcome = worker.take(world.usage("a", "other"), world.usage("b", "new-name"))
    assert len(outcome.rejected) == 1 and outcome.counts.rated == 1
    worker.command(AccountDeleted(id=world.account_id("other"), version=3), world.account_id("other"))
    assert len(worker.take(world.usage("c", "new-name")).rejected) == 1
    worker.command(account(world, "new-name"), world.account_id("new-name"))
    assert len(worker.take(world.usage("d", "new-name")).rejected) == 0


def amounts(worker: Worker, usage_id: str, code: str, day: int) -> list[str]:
    """What one more piece of usage adds to its charges."""
    outcome = worker.take(worker.world.usage(usage_id, code, time=f"2026-01-{day:02}T12:00:00Z"))
    return [str(charge.amount) for charge in outcome_of(outcome).charges]


def outcome_of(outcome: PollOutcome) -> UsageRated:
    [rated] = [fact for record in outcome.records if isinstance(fact := decode(record.value or b"").data, UsageRated)]
    return rated


def test_charges_follow_the_account_plan_and_the_price() -> None:
    worker = Worker()
    world, other = worker.world, worker.world.account_id("other")
    assert amounts(worker, "a", "other", 5) == ["0.1"]
    worker.command(repriced(world, 7, 2))
    assert amounts(worker, "b", "other", 6) == ["0.7"]
    worker.command(attached(world, "other", 0, end="2026-01-10", version=2), other)
    assert amounts(worker, "c", "other", 12) == []
    assert amounts(worker, "d", "other", 7) == ["0.7"]


_USAGE = st.tuples(st.just("usage"), st.sampled_from((*CODES, "alias")), st.integers(1, 150), st.integers(5, 20))
_COMMAND = st.tuples(
    st.sampled_from(("attach", "end", "detach", "rename", "price", "nothing")),
    st.sampled_from(CODES),
    st.integers(1, 9),
    st.integers(6, 28),
)


def play(worker: Worker, steps: Sequence[tuple[str, str, int, int]]) -> list[Any]:
    """Usage and commands in turns; returns what came of the usage."""
    world, found, versions, names = worker.world, list[Any](), dict[str, int](), {code: code for code in CODES}
    planned = {"root", "other"}
    for number, (what, code, amount, day) in enumerate(steps):
        version = versions[what + code] = versions.get(what + code, 1) + 1
        account_id = world.account_id(code)
        match what:
            case "usage":
                event = world.usage(f"u-{number}", code, amount, time=f"2026-01-{day:02}T12:00:00Z")
                outcome = worker.take(event)
                found.append(([record.value for record in outcome.records], len(outcome.rejected)))
            case "attach":
                worker.command(attached(world, code, number + 1), account_id)
            case "end" if code in planned:
                worker.command(attached(world, code, 0, end=f"2026-01-{day:02}", version=version), account_id)
            case "detach" if code in planned:
                planned.remove(code)
                worker.command(AccountPlanDeleted(id=world.id("ap", code, 0), version=version), account_id)
            case "rename":
                names[code] = code if names[code] == "alias" or "alias" in names.values() else "alias"
                worker.command(renamed(world, code, names[code], version), account_id)
            case "price":
                worker.command(repriced(world, amount, version))
            case _:
                body = {"code": "ai", "name": f"AI {number}"}
                product = {"id": world.id("product"), "version": version, "body": body}
                worker.command(ProductUpdated.model_validate(product))
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(_USAGE, _COMMAND), min_size=4, max_size=25))
def test_usage_is_judged_and_rated_as_by_a_worker_that_forgets_all(steps: list[tuple[str, str, int, int]]) -> None:
    assert play(Worker(), steps) == play(Worker(forgets_all=True), steps)
