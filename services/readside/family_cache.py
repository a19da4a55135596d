"""Families in memory: those in use, and behind them those that were touched less recently, at rest (`resting.py`).

A family is loaded when it is first touched. Once there are too many, who was touched least recently and has nothing
unwritten goes to rest, and from there, once these take too much, it is dropped: that costs time, never data.
"""

from collections import OrderedDict
from collections.abc import Callable, Container, Iterable

from events.zones import ZoneDays, time_zone
from services.readside.family_state import FamilyState
from services.readside.resting import RestingFamilies

#: How many families and totals are in use at most: 2.6 gigabytes of usual families.
MAX_FAMILIES = 100_000
MAX_TOTALS = 3_000_000
#: Bytes of families at rest: some 500,000 usual ones.
MAX_RESTING_BYTES = 500_000_000
#: What part of the totals is left once there were too many.
SHRUNK = 0.9


class FamilyCache:
    """Families by root, least recently touched first, and the way from an account to its root."""

    def __init__(
        self,
        max_families: int = MAX_FAMILIES,
        max_totals: int = MAX_TOTALS,
        max_resting_bytes: int = MAX_RESTING_BYTES,
    ) -> None:
        self._families: OrderedDict[str, FamilyState] = OrderedDict()
        self._resting = RestingFamilies(max_resting_bytes)
        self._max_families = max_families
        self._max_totals = max_totals
        #: Upper bound of the totals in memory: one that was touched twice counts twice until all are counted anew.
        self._totals_at_most = 0
        self.root_of: dict[str, str] = {}
        #: By account; accounts of one zone share what is known of its days.
        self.zones: dict[str, ZoneDays] = {}
        self._days: dict[str, ZoneDays] = {}

    def get(self, root_id: str) -> FamilyState | None:
        """The family, if it is in memory; it counts as touched, and rests no longer."""
        family = self._families.get(root_id)
        if family is not None:
            self._families.move_to_end(root_id)
        elif (family := self._resting.take(root_id)) is not None:
            self.add(family)
        return family

    def of_account(self, account_id: str) -> FamilyState | None:
        """The family of an account, if it is in memory."""
        root = self.root_of.get(account_id)
        return None if root is None else self.get(root)

    def add(self, family: FamilyState) -> None:
        """Take a family in; call again when an account was added to it."""
        if family.root_id not in self._families:
            self._totals_at_most += family.total_count
        self._families[family.root_id] = family
        for account_id, member in family.members.items():
            self.root_of[account_id] = family.root_id
            self.zones[account_id] = self.days_in(member.timezone)

    def days_in(self, zone: str) -> ZoneDays:
        """What is known of a zone's days; accounts of one zone share it."""
        if zone not in self._days:
            self._days[zone] = ZoneDays(time_zone(zone))
        return self._days[zone]

    def drop_partitions(self, partitions: Iterable[int]) -> None:
        """Forget the families of these partitions, written or not."""
        gone = set(partitions)
        for family in [family for family in self._families.values() if family.partition in gone]:
            self._take_out(family)
            self._forget(family.members)
        self._forget(self._resting.forget(gone))

    def shrink(self, touched_totals: int, kept: Container[int] = ()) -> None:
        """Let the least recently touched families above the limits rest, but none of the partitions that have something
        unwritten, which are `kept`. `touched_totals`: how many totals were touched since the last time."""
        self._totals_at_most += touched_totals
        self._rest_while(lambda: len(self._families) > self._max_families, kept)
        if self._totals_at_most > self._max_totals:
            # Counting takes all families, so room is made for some time.
            self._totals_at_most = sum(family.total_count for family in self._families.values())
            self._rest_while(lambda: self._totals_at_most > self._max_totals * SHRUNK, kept)

    def _rest_while(self, too_many: Callable[[], bool], kept: Container[int]) -> None:
        written = (
            (family for family in list(self._families.values()) if family.partition not in kept) if too_many() else ()
        )
        for family in written:
            if not too_many():
                break
            self._take_out(family)
            self._forget(self._resting.put(family))

    def in_use(self, partition: int) -> list[FamilyState]:
        """The families of a partition, when all of them are to change: those at rest are forgotten, as their rows will
        tell what has changed."""
        self._forget(self._resting.forget((partition,)))
        return [family for family in self._families.values() if family.partition == partition]

    def _take_out(self, family: FamilyState) -> None:
        del self._families[family.root_id]
        self._totals_at_most -= family.total_count

    def _forget(self, accounts: Iterable[str]) -> None:
        for account_id in accounts:
            self.root_of.pop(account_id, None)
            self.zones.pop(account_id, None)
