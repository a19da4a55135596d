"""Alerts and acts of organizations are seen to apart and side by side, whatever one of them does or fails at."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from projections.readmodels import alerts_due
from services.alerts import alerter, raising
from services.alerts.alerter import Alerts
from services.alerts.following import EventFollower
from services.alerts.raising import AlertRaiser
from services.automation import acting
from services.automation.acting import RuleActor
from services.automation.acts import Due
from services.side_by_side import Resting
from services.webhooks.announcing import Announcer

#: What nothing is asked of here.
NOWHERE: Any = SimpleNamespace(url="", of=lambda _: None)
UNUSED: Any = None
Act = Callable[[str], Awaitable[bool]]


class Live:
    """Read models in which something is due, and a store in which something has happened, of two organizations."""

    def __init__(self, *due: str, organizations: Sequence[str] = ("slow", "quick")) -> None:
        self.due, self.organizations = due, organizations

    @asynccontextmanager
    async def reading(self, _: Any) -> AsyncIterator["Live"]:
        yield self

    async def fetch(self, query: str, *asked: Any) -> list[dict[str, Any]]:
        if not asked:
            return [{"organization": name} for name in self.organizations]
        if query == alerts_due.NEXT:
            _, after, most, _, resting = asked
        else:
            _, _, after, resting, most = asked
        left = sorted(id for id in self.due if id > after and id not in resting)
        return [dict.fromkeys(Due.__slots__, "x") | {"id": id} for id in left[:most]]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def alerts(
    top_up: Act, bill: Act, monkeypatch: pytest.MonkeyPatch, live: Live
) -> AsyncIterator["asyncio.Task[None]"]:
    """What runs beside an API's requests, as if Postgres had answered."""

    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    async def nothing(_: Any) -> None:
        pass

    async def behind() -> None:
        return None

    monkeypatch.setattr(alerter, "reading_live", live.reading)
    monkeypatch.setattr(alerter, "ring_when_told", never)
    monkeypatch.setattr(alerter, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(alerter, "GATHER_SECONDS", 0.0)
    monkeypatch.setattr(Alerts, "follow", nothing)
    task = asyncio.create_task(Alerts(NOWHERE, NOWHERE, UNUSED, UNUSED, top_up, bill, behind).run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_alerts_wait_for_no_act_and_for_no_other_organization_however_many_are_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raised, topped_up, billed = list[str](), list[str](), list[str]()
    busy = [f"busy-{number}" for number in range(15)]

    async def top_up(organization: str) -> bool:
        topped_up.append(organization)
        return False

    async def bill(organization: str) -> bool:
        billed.append(organization)
        if organization in busy:
            await asyncio.Event().wait()
        return False

    async def raise_due(_: AlertRaiser, organization: str) -> bool:
        raised.append(organization)
        if organization in busy[1:]:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return organization == busy[0]  # there is always more of it

    monkeypatch.setattr(AlertRaiser, "raise_due", raise_due)
    async with alerts(top_up, bill, monkeypatch, Live(organizations=[*busy, "quick"])):
        await until(lambda: all(done.count("quick") > 3 for done in (raised, topped_up, billed)))
        await until(lambda: raised.count(busy[0]) > 3 and topped_up.count(busy[0]) > 3)
    assert {billed.count(organization) for organization in busy} == {1}


async def test_what_fails_in_one_organization_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    raised, acted = list[str](), list[str]()

    async def act(organization: str) -> bool:
        acted.append(organization)
        if organization == "slow":
            raise AssertionError("a law does not hold")
        return False

    async def raise_due(_: AlertRaiser, organization: str) -> bool:
        raised.append(organization)
        if organization == "quick":
            raise ValueError("a bug")
        return False

    monkeypatch.setattr(AlertRaiser, "raise_due", raise_due)
    async with alerts(act, act, monkeypatch, Live()) as task:
        await until(lambda: raised.count("slow") > 3 and acted.count("quick") > 3)
        assert not task.done()
    assert raised.count("quick") == 1 and acted.count("slow") == 2, "once each"


async def test_a_rule_that_is_changed_while_rules_are_read_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[str]()

    async def waited_for(_: EventFollower, organization: str) -> frozenset[str]:
        read.append(organization)
        following._unknown.add(organization)  # as a look does that sees a rule's fact
        return frozenset()

    monkeypatch.setattr(EventFollower, "waited_for", waited_for)
    following = Alerts(NOWHERE, NOWHERE, UNUSED, UNUSED, UNUSED, UNUSED, UNUSED)
    following._unknown.add("one")
    assert not await following._follow("one")
    assert not await following._follow("one")
    assert read == ["one"] * 2


async def in_a_pass(part: Act, tried: list[str]) -> list[str]:
    tried.clear()
    while await part("one"):
        pass
    return tried


async def test_what_is_due_and_fails_rests_and_starves_nothing_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = list[str]()

    async def act(_: str, due: Due) -> None:
        tried.append(due.id)
        if due.id == "b":
            raise AssertionError("a law does not hold")

    monkeypatch.setattr(acting, "reading_live", Live("a", "b", "c").reading)
    actor = RuleActor(NOWHERE, "automatic.bill", act, page=2)
    assert await in_a_pass(actor.act_due, tried) == ["a", "b", "c"]
    assert await in_a_pass(actor.act_due, tried) == ["a", "c"]
    monkeypatch.setattr(actor, "_resting", Resting())  # that was long ago
    assert await in_a_pass(actor.act_due, tried) == ["a", "b", "c"]


@pytest.mark.parametrize("page", [1, 2, 200])
async def test_an_alert_that_cannot_be_raised_keeps_no_other_from_it(
    page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = list[str]()

    async def raise_them(_: AlertRaiser, __: Any, ___: str, rows: Sequence[dict[str, Any]]) -> None:
        if "b" in (ids := [row["id"] for row in rows]):
            raise AssertionError("a law does not hold")
        raised.extend(ids)

    monkeypatch.setattr(raising, "PAGE", page)
    monkeypatch.setattr(raising, "reading_live", Live("a", "b", "c", "d").reading)
    monkeypatch.setattr(AlertRaiser, "_raise", raise_them)
    raiser = AlertRaiser(NOWHERE, UNUSED)
    with structlog.testing.capture_logs() as said:
        assert await in_a_pass(raiser.raise_due, raised) == ["a", "c", "d"]
    assert [(line["event"], line["alert"]) for line in said] == [("alert_not_raised", "b")]
    with structlog.testing.capture_logs() as said:
        assert await in_a_pass(raiser.raise_due, raised) == ["a", "c", "d"]
    assert not said, "it rests"


async def test_where_no_alert_can_be_raised_their_organization_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    async def raise_them(*_: Any) -> None:
        raise AssertionError("a law does not hold")

    monkeypatch.setattr(raising, "reading_live", Live("a", "b").reading)
    monkeypatch.setattr(AlertRaiser, "_raise", raise_them)
    with pytest.raises(AssertionError):
        await AlertRaiser(NOWHERE, UNUSED).raise_due("one")


async def test_what_fails_in_announcing_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    announced = list[str]()

    async def announce(_: Announcer, organization: str, until: int) -> bool:
        announced.append(organization)
        if organization == "slow":
            raise AssertionError("a bug")
        return False

    monkeypatch.setattr(Announcer, "announce", announce)
    announcer = Announcer(NOWHERE, NOWHERE, UNUSED, UNUSED, UNUSED)
    task = asyncio.create_task(announcer._announcing.run())
    for count in range(1, 4):
        announcer._announcing.ask(["slow", "quick"])
        await until(lambda: announced.count("quick") == count)  # noqa: B023
    assert announced.count("slow") == 1 and not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
