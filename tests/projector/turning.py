"""`Turns` over families in memory, a table of who is due, and a settler that only notes whom it settled."""

from typing import Any

from projections.readmodels import due
from projections.readmodels.positions import Position
from projections.resources import Resources
from projections.settlement import Billed
from services.projection.turns import Turns
from services.projection.unsettled import Unsettled
from services.projection.unwritten import new_partition
from services.readside.family_cache import FamilyCache
from services.readside.family_state import FamilyState
from tests.projector.clock import Clock


class DueTable:
    """`due_accounts`, as far as `Turns` asks for it: root -> (reason, log offset)."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, int]] = {}
        #: Whose balances were told to be new, each time.
        self.told: list[str] = []

    async def fetch(self, statement: str, _: list[int], limit: int) -> list[dict[str, Any]]:
        assert statement == due.NEXT
        remembered = ("lines", "outlooks", "usage")
        held = sorted((offset, root) for root, (reason, offset) in self.rows.items() if reason not in remembered)
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
        self.why: Exception = AssertionError("a law does not hold")
        self.unsettled = Unsettled()
        #: Roots whose lines take longer.
        self.takes: dict[str, float] = {}

    def settle(self, family: FamilyState, _: object) -> bool:
        self.clock.now += self.seconds
        self.balances.append(family.root_id)
        if family.root_id in self.broken:
            self.unsettled.note(family, self.why)
        return family.root_id not in self.broken

    def write_behind(self, family: FamilyState, _: object, *, outlooks: bool) -> bool:
        self.clock.now += self.takes.get(family.root_id, self.seconds)
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
        settled = await self.turns.settle(self.due, [self.state], touched, limit, is_quiet=quiet)
        if not quiet and self.turns.is_late([self.state]):
            settled += await self.turns.follow(self.due, [self.state])
        return settled
