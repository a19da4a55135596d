"""Who settles held usage: one organization's trouble is no other's, no account takes all the turns, and what an account
does not mend is not sent again and again."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from events.dates import in_ms
from services.concurrency import NoTurnError
from services.refusals import held_usage, releasing
from services.refusals.held_usage import Cause
from services.refusals.rejected_record import Row
from services.refusals.releasing import Releaser

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
#: When Kafka has what is sent again.
SENT = MOMENT + timedelta(seconds=5)


class Held:
    """What is held, and which accounts and meters there are: no database is asked."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Row]] = []
        self.there: dict[str, str] = {}
        self.creates = False
        self.expired: list[datetime] = []
        self.let_go: list[str] = []

    def add(self, organization: str, id: str, account: str, arrived: datetime = SENT, reason: str = "account") -> None:
        """A record that waits for its account, or for a meter of that name."""
        meter, why = ("meter", account)[reason == "meter"], f"unknown-{reason}"
        row = Row(organization, id, account, meter, None, why, "", False, arrived, arrived, 0, 0, arrived)
        self.rows.append((organization, row))

    def waiting(self, organization: str, cause: Cause) -> Iterable[Row]:
        """What waits of this organization, for this cause."""
        return (row for whose, row in self.rows if whose == organization and row.reason == cause.reason)


class Connections:
    """Of nobody."""

    def of(self, _: str) -> "Connections":
        return self

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[None]:
        yield None


class Alone(Releaser):
    """Accounts are made by no command, and records go nowhere."""

    def __init__(self, held: Held) -> None:
        nowhere: Any = Connections()
        super().__init__(nowhere, nowhere, None, None, lambda: None)  # type: ignore[arg-type, return-value]
        self.held, self.made, self.sent = held, list[str](), list[str]()

    async def _make(self, postgres: Any, organization: str, codes: Sequence[str]) -> None:
        if organization == "busy":
            raise NoTurnError("busy", "a turn", 60)
        self.made += codes
        self.held.there |= dict.fromkeys(codes, "an id")

    async def _send(self, postgres: Any, organization: str, rows: Sequence[Row]) -> dict[str, int]:
        self.sent += [row.id for row in rows]
        self.held.rows = [one for one in self.held.rows if one[1] not in rows]
        return dict.fromkeys((row.id for row in rows), in_ms(SENT))


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    found = Held()

    async def organizations(_: Any) -> list[str]:
        return sorted({organization for organization, _ in found.rows})

    async def expire(_: Any, __: str, now: datetime) -> int:
        found.expired.append(now)
        return 0

    async def codes_waited_for(_: Any, organization: str, cause: Cause) -> list[str]:
        return sorted({getattr(row, cause.column) for row in found.waiting(organization, cause)})

    async def there(_: Any, __: str, ___: Cause, codes: Sequence[str]) -> dict[str, str]:
        return {code: id for code, id in found.there.items() if code in codes}

    async def waiting_for(_: Any, organization: str, cause: Cause, codes: Sequence[str], each: int) -> list[Row]:
        rows, of = list[Row](), Counter[str]()
        for row in found.waiting(organization, cause):
            code = getattr(row, cause.column)
            of[code] += 1
            rows += [row] if code in codes and of[code] <= each else []
        return rows

    async def let_go(_: Any, __: str, ids: Sequence[str]) -> None:
        found.let_go += ids
        found.rows = [one for one in found.rows if one[1].id not in ids]

    async def load_config(_: Any, organization: str) -> Any:
        configured = SimpleNamespace(makes_accounts_of_held=found.creates)
        return SimpleNamespace(configured=configured, has_test_clock=False)

    for function in (organizations, expire, codes_waited_for, there, waiting_for, let_go):
        monkeypatch.setattr(held_usage, function.__name__, function)
    monkeypatch.setattr(releasing, "load_config", load_config)
    monkeypatch.setattr(releasing, "CODES_A_SECOND", 1e9)
    return found


async def test_what_is_there_by_now_is_sent_and_nothing_else(held: Held) -> None:
    held.add("org", "1", "a")
    held.add("org", "2", "b")
    held.add("org", "3", "metered", reason="meter")
    releaser = Alone(held)
    assert not await releaser.look() and releaser.sent == []
    held.there = {"a": "a's id"}
    assert await releaser.look() and releaser.sent == ["1"]
    held.there = {"metered": "the meter's id"}
    await releaser.look()
    assert (releaser.sent, releaser.made, len(held.expired)) == (["1", "3"], [], 3)


async def test_accounts_are_made_where_that_is_wished_for_and_meters_never(held: Held) -> None:
    held.creates = True
    held.add("org", "1", "a")
    held.add("org", "2", "metered", reason="meter")
    releaser = Alone(held)
    assert await releaser.look()
    await releaser.look()
    assert (releaser.made, releaser.sent) == (["a"], ["1"])


async def test_what_comes_back_though_its_account_is_there_is_held_no_more(held: Held) -> None:
    held.there = {"a": "first"}
    held.add("org", "back", "a")
    releaser = Alone(held)
    await releaser.look()
    held.add("org", "back", "a")
    await releaser.look()
    assert (releaser.sent, held.let_go, held.rows) == (["back"], ["back"], [])


async def test_what_arrived_before_it_was_sent_again_did_not_come_back(held: Held) -> None:
    """A publisher's second copy, say, that was refused before the account was there, and is listed only now."""
    held.there = {"a": "first"}
    held.add("org", "twice", "a", MOMENT)
    releaser = Alone(held)
    await releaser.look()
    held.add("org", "twice", "a", SENT - timedelta(milliseconds=1))
    await releaser.look()
    assert (releaser.sent, held.let_go) == (["twice", "twice"], [])


async def test_an_account_that_was_deleted_and_made_again_is_waited_for_again(held: Held) -> None:
    held.there = {"a": "first"}
    held.add("org", "1", "a")
    releaser = Alone(held)
    await releaser.look()
    held.there = {}
    held.add("org", "1", "a")  # it was deleted before ingest came to that
    await releaser.look()
    held.there = {"a": "second"}
    await releaser.look()
    assert (releaser.sent, held.let_go) == (["1", "1"], [])


async def test_an_organization_that_has_no_turn_holds_up_no_other(held: Held) -> None:
    held.creates = True
    held.add("busy", "1", "a")
    held.add("calm", "2", "b")
    releaser = Alone(held)
    for _ in range(3):
        await releaser.look()
    assert releaser.sent == ["2"]


async def test_who_names_very_much_that_is_not_there_is_looked_at_less_often(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releasing, "CODES_A_SECOND", 0.01)
    held.add("many", "1", "a")
    releaser = Alone(held)
    await releaser.look()
    held.there = {"a": "a's", "b": "b's"}
    held.add("other", "2", "b")
    assert await releaser.look() and releaser.sent == ["2"]


async def test_an_account_with_very_much_does_not_hold_up_the_others(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releasing, "_ROUND", 10)
    for number in range(50):
        held.add("org", f"much-{number:02}", "a")
    held.add("org", "one", "z")
    held.there = {"a": "a's", "z": "z's"}
    releaser = Alone(held)
    assert await releaser.look()
    assert releaser.sent == [*(f"much-{number:02}" for number in range(5)), "one"]
    while await releaser.look():
        pass
    assert [id for id in releaser.sent if id != "one"] == [f"much-{number:02}" for number in range(50)]
