"""Whose turn it is: balances of whom records touched, then who is due, then draws and lines; the longest wait first."""

from typing import Any

import pytest

from projections.readmodels import due
from projections.readmodels.positions import Position
from projections.resources import Resources
from projections.settlement import Billed
from services.projection import behind, turns
from services.projection.behind import Behind
from services.projection.partition import new_partition
from services.projection.turns import (
    ASIDE_LEAST_SECONDS,
    LINES_SECONDS,
    OUTLOOKS_SECONDS,
    TOUCHED_SECONDS,
    WITHOUT_PAUSE,
    Turns,
)
from services.readside.family_cache import FamilyCache
from services.readside.family_state import FamilyState, Root
from tests.projector.clock import Clock


class DueTable:
    """`due_accounts`, as far as `Turns` asks for it: root -> (reason, log offset)."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, int]] = {}
        #: Whose balances were told to be new, each time.
        self.told: list[str] = []

    async def fetch(self, statement: str, _: list[int], limit: int) -> list[dict[str, Any]]:
        assert statement == due.NEXT
        held = sorted(
            (offset, root) for root, (reason, offset) in self.rows.items() if reason not in ("lines", "outlooks")
        )
        return [{"organization": "org", "root_id": root, "partition": 0} for _, root in held[:limit]]

    async def execute(self, statement: str, *arguments: Any) -> None:
        if statement == due.SETTLED:
            for root in arguments[0]:
                self.rows.pop(root, None)
        elif statement == due.BEHIND:
            for root, _, _, offset in zip(*arguments, strict=True):
                self.told.append(root)
                self.mark(root, "lines", offset)
        elif statement == due.WITHOUT_OUTLOOKS:
            for root, *_ in zip(*arguments, strict=True):
                self.rows[root] = "outlooks", 0
        else:
            assert statement == due.MARK
            for root, _, _, reason, offset in zip(*arguments, strict=True):
                self.mark(root, reason, offset)

    def mark(self, root: str, reason: str, offset: int) -> None:
        before = self.rows.get(root, ("outlooks", offset))
        self.rows[root] = reason, offset if before[0] == "outlooks" else before[1]


class Settling:
    """A settler that only notes whom it settled; each balance and each root's lines take their time."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.balances: list[str] = []
        self.lines: list[str] = []
        self.outlooks: list[str] = []
        self.broken: set[str] = set()

    def settle(self, family: FamilyState, _: object) -> bool:
        self.clock.now += self.seconds
        self.balances.append(family.root_id)
        return family.root_id not in self.broken

    def write_behind(self, family: FamilyState, _: object, *, outlooks: bool) -> bool:
        self.clock.now += self.seconds
        self.lines.append(family.root_id)
        if outlooks:
            self.outlooks.append(family.root_id)
        return True

    async def flush(self, _: object) -> None:
        pass

    def forget(self, _: object) -> None:
        pass


class Projector:
    """Turns over families in memory."""

    def __init__(self, clock: Clock, count: int, seconds: float) -> None:
        self.clock, self.due, self.cache = clock, DueTable(), FamilyCache()
        self.names = [f"{number:05}" for number in range(count)]
        for name in self.names:
            self.cache.add(FamilyState("org", name, 0, Resources("org"), Billed()))
        self.turns = Turns(None, self.cache)  # type: ignore[arg-type]
        self.settling = self.turns._settler = Settling(clock, seconds)  # type: ignore[assignment]
        self.state = new_partition(Position(0, next_offset=7, stored=5), {})

    async def write(self, *names: str, quiet: bool = False, limit: int = 200) -> int:
        touched = {name: held for name in names if (held := self.cache.get(name))}
        return await self.turns.settle(self.due, [self.state], touched, limit, is_quiet=quiet)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(turns, "time", made)
    monkeypatch.setattr(behind, "time", made)
    return made


async def test_balances_come_first_and_lines_are_marked_with_how_far_they_hold(clock: Clock) -> None:
    projector = Projector(clock, 3, 0.0)
    await projector.write("00000", "00002")
    assert projector.settling.balances == ["00000", "00002"] and projector.settling.lines == []
    assert projector.due.rows == {"00000": ("lines", 5), "00002": ("lines", 5)}


async def test_whose_row_says_already_that_lines_follow_is_not_marked_again(clock: Clock) -> None:
    projector = Projector(clock, 3, 0.0)
    for _ in range(3):
        await projector.write("00000", "00002")
    assert projector.due.told == ["00000", "00002"]
    clock.now += LINES_SECONDS + 0.01
    await projector.write("00002")
    assert projector.due.rows == {"00000": ("outlooks", 0), "00002": ("outlooks", 0)}
    await projector.write("00000")
    assert projector.due.told == ["00000", "00002", "00000"] and projector.due.rows["00000"] == ("lines", 5)


@pytest.mark.parametrize("reason", ["catalog", "failed"])
async def test_a_row_that_something_else_has_marked_since_is_marked_once_its_turn_has_come(
    clock: Clock, reason: str
) -> None:
    projector = Projector(clock, 3, 0.0)
    await projector.write("00000")
    if reason == "failed":
        projector.settling.broken = {"00000"}
        await projector.write("00000")
        projector.settling.broken = set()
    else:
        projector.due.mark("00000", reason, 6)
    assert projector.due.rows == {"00000": (reason, 5)}
    await projector.write("00000")
    assert projector.due.rows == {"00000": ("lines", 5)}


async def test_lines_follow_when_nothing_comes(clock: Clock) -> None:
    projector = Projector(clock, 3, 0.0)
    await projector.write("00000", "00002")
    assert await projector.turns.any_due(projector.due, [projector.state])
    await projector.write(quiet=True)
    assert projector.settling.lines == ["00000", "00002"] and projector.due.rows == {}
    assert not await projector.turns.any_due(projector.due, [projector.state])


async def test_lines_wait_no_longer_while_records_keep_coming_and_a_busy_root_keeps_its_place(clock: Clock) -> None:
    projector = Projector(clock, 3, 0.0)
    await projector.write("00000")
    clock.now += LINES_SECONDS / 2
    await projector.write("00001", "00000")
    assert projector.settling.lines == []
    clock.now += LINES_SECONDS / 2 + 0.01
    await projector.write("00002", "00000")
    assert projector.settling.lines == ["00000"] and projector.settling.outlooks == []
    assert {root: reason for root, (reason, _) in projector.due.rows.items()} == {
        "00000": "outlooks",
        "00001": "lines",
        "00002": "lines",
    }


async def test_outlooks_follow_last_of_all_and_wait_no_longer_than_they_may(clock: Clock) -> None:
    projector = Projector(clock, 2, 0.0)
    await projector.write("00000")
    clock.now += LINES_SECONDS + 0.01
    await projector.write("00001")
    assert projector.settling.lines == ["00000"] and projector.settling.outlooks == []
    # A busy root keeps its place here, too, though its balances and lines have gone on meanwhile.
    for _ in range(int(OUTLOOKS_SECONDS) - 1):
        clock.now += 1.0
        await projector.write("00000")
    assert projector.settling.outlooks == []
    clock.now += 1.0
    await projector.write("00000")
    assert projector.settling.outlooks == ["00000"]
    assert projector.due.rows == {"00001": ("outlooks", 0)}
    await projector.write(quiet=True)
    assert sorted(projector.settling.outlooks) == projector.names and projector.due.rows == {}


async def test_lines_have_a_part_of_the_time_and_the_rest_follow_oldest_first(clock: Clock) -> None:
    projector = Projector(clock, 300, 0.0)
    await projector.write(*projector.names)
    clock.now += LINES_SECONDS + 0.01
    projector.settling.seconds = ASIDE_LEAST_SECONDS
    await projector.write()
    done = len(projector.settling.lines)
    assert 0 < done < 60 and projector.settling.lines == projector.names[:done]
    await projector.write()
    assert projector.settling.lines[: done + 1] == projector.names[: done + 1]


async def test_who_is_beyond_the_time_is_due_and_comes_before_whoever_was_touched_later(clock: Clock) -> None:
    projector = Projector(clock, 4 * WITHOUT_PAUSE, TOUCHED_SECONDS / WITHOUT_PAUSE)
    await projector.write(*projector.names)
    settled = set(projector.settling.balances)
    left = [name for name in projector.names if name not in settled]
    assert left and {projector.due.rows[name] for name in left} == {("usage", 5)}
    await projector.write("00000")
    assert projector.settling.balances[len(settled)] == "00000"
    assert projector.settling.balances[len(settled) + 1] == left[0]


async def test_a_busy_root_starves_nobody(clock: Clock) -> None:
    projector = Projector(clock, 4 * WITHOUT_PAUSE, TOUCHED_SECONDS / WITHOUT_PAUSE)
    await projector.write(*projector.names)
    for _ in range(200):
        clock.now += 0.05
        await projector.write("00000")
    assert set(projector.settling.balances) == set(projector.names)
    assert set(projector.settling.lines) == set(projector.names)


async def test_all_are_settled_in_turn_though_each_is_touched_with_every_write(clock: Clock) -> None:
    projector = Projector(clock, 4 * WITHOUT_PAUSE, TOUCHED_SECONDS / WITHOUT_PAUSE)
    for _ in range(8):
        clock.now += 0.05
        await projector.write(*projector.names)
        projector.state.position.stored += 1
    assert set(projector.settling.balances) == set(projector.names)


async def test_lines_of_who_is_due_follow_while_records_keep_coming_and_come_at_once_when_none_do(clock: Clock) -> None:
    projector = Projector(clock, 2, 0.0)
    projector.due.rows = {name: ("catalog", 3) for name in projector.names}
    await projector.write(limit=1)
    assert projector.settling.balances == ["00000"] and projector.settling.lines == []
    assert projector.due.rows == {"00000": ("lines", 3), "00001": ("catalog", 3)}
    await projector.write(quiet=True)
    assert sorted(projector.settling.lines) == projector.names and projector.due.rows == {}


async def test_who_cannot_be_settled_is_due_as_failed_and_is_not_tried_again_by_itself(clock: Clock) -> None:
    projector = Projector(clock, 3, 0.0)
    projector.settling.broken = {"00001"}
    await projector.write("00000", "00001")
    assert projector.due.rows == {"00000": ("lines", 5), "00001": ("failed", 5)}
    await projector.write(quiet=True)
    assert projector.due.rows == {"00001": ("failed", 5)}
    assert not await projector.turns.any_due(projector.due, [projector.state])
    projector.settling.broken = set()
    await projector.write("00001")
    await projector.write(quiet=True)
    assert projector.due.rows == {}


async def test_who_was_left_over_is_marked_again_when_it_is_settled_before_its_turn(clock: Clock) -> None:
    projector = Projector(clock, WITHOUT_PAUSE + 2, 0.0)
    await projector.write(*projector.names)
    projector.settling.seconds = 1.1 * TOUCHED_SECONDS / (WITHOUT_PAUSE - 1)
    await projector.write(*projector.names)
    left = [root for root, (reason, _) in projector.due.rows.items() if reason == "usage"]
    assert len(left) > 2
    projector.settling.seconds = 0.0
    await projector.write(*projector.names, limit=1)
    assert {reason for reason, _ in projector.due.rows.values()} == {"lines"}


async def test_marks_in_partitions_that_somebody_else_wrote_since_are_not_relied_on(clock: Clock) -> None:
    projector = Projector(clock, 1, 0.0)
    await projector.write("00000")
    projector.turns.forget([0])
    projector.due.rows = {}
    await projector.write("00000")
    assert projector.due.rows == {"00000": ("lines", 5)}


def test_partitions_that_somebody_else_writes_are_forgotten() -> None:
    held = Behind(LINES_SECONDS)
    mine = Root("org", "mine", 0)
    held.note([mine, Root("org", "theirs", 1)])
    held.forget([1])
    assert held.next([0, 1], all_of_them=True) == [mine]


def test_who_lies_in_another_partition_has_another_turn() -> None:
    held = Behind(LINES_SECONDS)
    mine = Root("org", "mine", 0)
    held.note([Root("org", "theirs", 1), mine])
    assert held.next([0], all_of_them=True) == [mine]
