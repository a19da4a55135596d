"""Alerts and acts of organizations are seen to apart and side by side, whatever one of them does or fails at."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from services.alerts import alerter
from services.alerts.alerter import Alerts
from services.alerts.following import EventFollower
from services.alerts.raising import AlertRaiser
from services.automation import acting
from services.automation.acting import RuleActor
from services.automation.acts import Due
from services.webhooks.announcing import Announcer

#: What nothing is asked of here.
NOWHERE: Any = SimpleNamespace(url="", of=lambda _: None)
UNUSED: Any = None
Act = Callable[[str], Awaitable[bool]]


class Live:
    """Read models in which something is due, and a store in which something has happened, of two organizations."""

    def __init__(self, *due: str) -> None:
        self.due = due

    @asynccontextmanager
    async def reading(self, _: Any) -> AsyncIterator["Live"]:
        yield self

    async def fetch(self, query: str, *asked: Any) -> list[dict[str, Any]]:
        if not asked:
            return [{"organization": name} for name in ("slow", "quick")]
        _, _, after, resting, most = asked
        left = sorted(id for id in self.due if id > after and id not in resting)
        return [dict.fromkeys(Due.__slots__, "x") | {"id": id} for id in left[:most]]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def alerts(act: Act, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator["asyncio.Task[None]"]:
    """What runs beside an API's requests, as if Postgres had answered."""

    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    async def nothing(_: Any) -> None:
        pass

    async def behind() -> None:
        return None

    monkeypatch.setattr(alerter, "reading_live", Live().reading)
    monkeypatch.setattr(alerter, "ring_when_told", never)
    monkeypatch.setattr(alerter, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(alerter, "GATHER_SECONDS", 0.0)
    monkeypatch.setattr(Alerts, "follow", nothing)
    task = asyncio.create_task(Alerts(NOWHERE, NOWHERE, UNUSED, UNUSED, act, behind).run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_alerts_wait_for_no_act_and_for_no_other_organization(monkeypatch: pytest.MonkeyPatch) -> None:
    raised, acted = list[str](), list[str]()

    async def act(organization: str) -> bool:
        acted.append(organization)
        if organization == "slow":
            await asyncio.Event().wait()
        return False

    async def raise_due(_: AlertRaiser, organization: str) -> bool:
        raised.append(organization)
        await asyncio.sleep(0)
        return organization == "slow"  # there is always more of it

    monkeypatch.setattr(AlertRaiser, "raise_due", raise_due)
    async with alerts(act, monkeypatch):
        await until(lambda: raised.count("quick") > 3 and acted.count("quick") > 3 and raised.count("slow") > 3)
    assert acted.count("slow") == 1


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
    async with alerts(act, monkeypatch) as task:
        await until(lambda: raised.count("slow") > 3 and acted.count("quick") > 3)
        assert not task.done()
    assert raised.count("quick") == 1 == acted.count("slow")


async def test_a_rule_that_is_changed_while_rules_are_read_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[str]()

    async def waited_for(_: EventFollower, organization: str) -> frozenset[str]:
        read.append(organization)
        following._unknown.add(organization)  # as a look does that sees a rule's fact
        return frozenset()

    monkeypatch.setattr(EventFollower, "waited_for", waited_for)
    following = Alerts(NOWHERE, NOWHERE, UNUSED, UNUSED, UNUSED, UNUSED)
    following._unknown.add("one")
    assert not await following._follow("one")
    assert not await following._follow("one")
    assert read == ["one"] * 2


async def test_what_is_due_and_fails_rests_and_starves_nothing_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = list[str]()

    async def act(_: RuleActor, __: str, due: Due) -> None:
        tried.append(due.id)
        if due.id == "b":
            raise AssertionError("a law does not hold")

    monkeypatch.setattr(acting, "PAGE", 2)
    monkeypatch.setattr(acting, "reading_live", Live("a", "b", "c").reading)
    monkeypatch.setattr(RuleActor, "_act", act)
    actor = RuleActor(NOWHERE, UNUSED)

    async def tried_in_a_pass() -> list[str]:
        tried.clear()
        while await actor.act_due("one"):
            pass
        return tried

    assert await tried_in_a_pass() == ["a", "b", "c"]
    assert await tried_in_a_pass() == ["a", "c"]
    monkeypatch.setattr(actor, "_resting", {"b": 0.0})  # that was long ago
    assert await tried_in_a_pass() == ["a", "b", "c"]


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
