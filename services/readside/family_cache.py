"""Families in memory: those in use, and packed ones that were used less recently (`resting.py`).

A family is loaded on first use. When there are too many, the least recently used families without unwritten changes are
packed, and dropped when the packed ones take too much memory: that costs time, never data.
"""

from collections import OrderedDict
from collections.abc import Callable, Container, Iterable

from events.zones import ZoneDays, time_zone
from services.readside.family_state import FamilyState
from services.readside.resting import RestingFamilies

#: Most families and totals in use: 2.6 gigabytes of usual families.
MAX_FAMILIES = 100_000
MAX_TOTALS = 3_000_000
#: Bytes of packed families: some 500,000 usual ones.
MAX_RESTING_BYTES = 500_000_000
#: The part of the totals that remains after shrinking.
SHRUNK = 0.9


class FamilyCache:
    """Families by root, least recently used first, and the root of each account."""

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
        #: Upper bound of the totals in memory: a total that was touched twice counts twice until all are counted again.
        self._totals_at_most = 0
        self.root_of: dict[str, str] = {}
        #: By account; accounts of one zone share the cache of its days.
        self.zones: dict[str, ZoneDays] = {}
        self._days: dict[str, ZoneDays] = {}

    def get(self, root_id: str) -> FamilyState | None:
        """The family, if it is in memory; it counts as used, and is unpacked."""
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
        """Add a family; call it again when an account was added to the family."""
        if family.root_id not in self._families:
            self._totals_at_most += family.total_count
        self._families[family.root_id] = family
        for account_id, member in family.members.items():
            self.root_of[account_id] = family.root_id
            self.zones[account_id] = self.days_in(member.timezone)

    def days_in(self, zone: str) -> ZoneDays:
        """The cache of a zone's days; accounts of one zone share it."""
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
        """Pack the least recently used families above the limits, except those of partitions with unwritten changes,
        `kept`.

        `touched_totals`: how many totals were touched since the last call.
        """
        self._totals_at_most += touched_totals
        self._rest_while(lambda: len(self._families) > self._max_families, kept)
        if self._totals_at_most > self._max_totals:
            # Counting visits all families, so room is made for some time.
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
        """The families of a partition, when all of them are to change. Packed families are dropped, because their rows
        will hold the change.
        """
        self._forget(self._resting.forget((partition,)))
        return [family for family in self._families.values() if family.partition == partition]

    def _take_out(self, family: FamilyState) -> None:
        del self._families[family.root_id]
        self._totals_at_most -= family.total_count

    def _forget(self, accounts: Iterable[str]) -> None:
        for account_id in accounts:
            self.root_of.pop(account_id, None)
            self.zones.pop(account_id, None)
