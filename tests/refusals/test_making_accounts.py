"""Who makes accounts for usage: one organization's trouble is no other's, and what an account does not mend is not sent
again and again."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.concurrency import NoTurnError
from services.refusals import making_accounts, refused_usage
from services.refusals.making_accounts import AccountMaker
from services.refusals.refused_usage import Listed
from services.refusals.rows import Row, in_ms

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
#: When Kafka has what is sent again.
SENT = MOMENT + timedelta(seconds=5)


class Connections:
    """No database is asked: the tests say what is refused."""

    def of(self, _: str) -> "Connections":
        return self

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[None]:
        yield None


class Maker(AccountMaker):
    """Accounts are made by no command, and records go nowhere."""

    def __init__(self) -> None:
        nowhere: Any = Connections()
        super().__init__(nowhere, nowhere, None, None, lambda: None)  # type: ignore[arg-type, return-value]
        self.made: list[str] = []
        self.sent: list[str] = []

    async def _make(self, postgres: Any, organization: str, codes: Sequence[str]) -> set[str]:
        if organization == "busy":
            raise NoTurnError("busy", "a turn", 60)
        self.made += codes
        return {code for code in codes if code == "impossible"}

    async def _send(self, postgres: Any, organization: str, rows: Sequence[Row]) -> dict[str, int]:
        self.sent += [row.id for row in rows]
        return dict.fromkeys((row.id for row in rows), in_ms(SENT))


def row(organization: str, id: str, account: str | None, arrived: datetime = SENT) -> Row:
    return Row(organization, id, account, None, "unknown-account", "", False, arrived, arrived, 0, 0)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """What is on the list."""
    rows: list[Row] = []

    async def organizations_with(*_: Any) -> list[str]:
        return sorted({one.organization for one in rows})

    async def page(_: Any, organization: str, conditions: Any, size: int, **__: Any) -> list[Listed]:
        given_up = conditions[-1].value
        mine = [one for one in rows if one.organization == organization and one.id not in given_up]
        return [Listed(one, 0, None) for one in mine[:size]]

    monkeypatch.setattr(refused_usage, "organizations_with", organizations_with)
    monkeypatch.setattr(refused_usage, "page", page)
    return rows


async def test_what_comes_back_though_its_account_is_there_is_left_alone(refused: list[Row]) -> None:
    refused += [row("org", "back", "a"), row("org", "none", None), row("org", "wrong", "impossible")]
    maker = Maker()
    for _ in range(5):
        await maker.look()
    assert (maker.made, maker.sent) == (["a", "impossible"], ["back"])


async def test_what_arrived_before_it_was_sent_again_did_not_come_back(refused: list[Row]) -> None:
    """A publisher's second copy, say, that was refused before the account was there, and is listed only now."""
    refused.append(row("org", "twice", "a", MOMENT))
    maker = Maker()
    await maker.look()
    refused[:] = [row("org", "twice", "a", SENT - timedelta(milliseconds=1))]
    await maker.look()
    assert maker.sent == ["twice", "twice"]
    refused[:] = [row("org", "twice", "a", SENT)]
    for _ in range(3):
        await maker.look()
    assert maker.sent == ["twice", "twice"]


async def test_an_organization_that_has_no_turn_holds_up_no_other(refused: list[Row]) -> None:
    refused += [row("busy", "1", "a"), row("calm", "2", "b")]
    maker = Maker()
    for _ in range(3):
        await maker.look()
    assert maker.sent == ["2"]


async def test_who_sends_what_nobody_can_mend_is_left_alone(
    refused: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making_accounts, "_GIVEN_UP_MAX", 2)
    refused += [row("org", str(number), "impossible") for number in range(3)]
    maker = Maker()
    await maker.look()
    refused.append(row("org", "new", "a"))
    assert not await maker.look() and maker.sent == []
