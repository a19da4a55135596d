"""Families at rest: what a family holds, packed into some hundred bytes, until somebody touches it again.

In use a family takes some twenty kilobytes, most of it terms and what settlement keeps; packed, these are left out, and
made again when it is used. To unpack it costs less than to read its rows and facts, and asks Postgres for nothing.
"""

import pickle
import zlib
from collections import OrderedDict
from collections.abc import Container
from typing import Any, NamedTuple

from projections.resources import ATTRIBUTES, Resources
from services.readside.family_state import ESSENTIAL, FamilyState

#: Beside its packed bytes a family at rest takes so many: here, and on the way to it from its accounts.
BESIDE = 500
#: So much zlib looks back over.
_DICTIONARY_BYTES = 32_768


class _Resting(NamedTuple):
    partition: int
    accounts: tuple[str, ...]
    packed: bytes

    @property
    def size(self) -> int:
        return len(self.packed) + BESIDE


class RestingFamilies:
    """Packed families by root, those that rest longest first, in so many bytes at most."""

    def __init__(self, most_bytes: int) -> None:
        self._families: OrderedDict[str, _Resting] = OrderedDict()
        self._most_bytes = most_bytes
        self._bytes = 0
        #: How one family is written: the others say nearly the same, and are packed as what they differ in.
        self._dictionary: bytes | None = None

    def __len__(self) -> int:
        return len(self._families)

    def put(self, family: FamilyState) -> list[str]:
        """Let a family rest that has nothing unwritten; returns the accounts of those that are forgotten for it."""
        plain = pickle.dumps(_written_out(family), pickle.HIGHEST_PROTOCOL)
        if self._dictionary is None:
            self._dictionary = plain[-_DICTIONARY_BYTES:]
        packing = zlib.compressobj(zlib.Z_BEST_SPEED, zdict=self._dictionary)
        resting = _Resting(family.partition, tuple(family.members), packing.compress(plain) + packing.flush())
        self._families[family.root_id] = resting
        self._bytes += resting.size
        forgotten: list[str] = []
        while self._bytes > self._most_bytes:
            forgotten += self._forget(next(iter(self._families)))
        return forgotten

    def take(self, root_id: str) -> FamilyState | None:
        """The family as it was when it was put here; it rests no longer."""
        resting = self._families.pop(root_id, None)
        if resting is None:
            return None
        self._bytes -= resting.size
        assert self._dictionary is not None, "what rests was packed with it"
        unpacking = zlib.decompressobj(zdict=self._dictionary)
        # These bytes are of this process and never left it.
        return _read(pickle.loads(unpacking.decompress(resting.packed) + unpacking.flush()))

    def forget(self, partitions: Container[int]) -> list[str]:
        """Forget the families of these partitions; returns their accounts."""
        gone = [root_id for root_id, resting in self._families.items() if resting.partition in partitions]
        return [account_id for root_id in gone for account_id in self._forget(root_id)]

    def _forget(self, root_id: str) -> tuple[str, ...]:
        resting = self._families.pop(root_id)
        self._bytes -= resting.size
        return resting.accounts


#: What is written out of a family as it is. Of its own resources only those kinds are of which there are any.
_FIELDS = tuple(name for name in ESSENTIAL if name != "own")


def _written_out(family: FamilyState) -> tuple[Any, ...]:
    own = {kind: entities for kind in ATTRIBUTES.values() if (entities := getattr(family.own, kind))}
    return own, *(getattr(family, name) for name in _FIELDS)


def _read(written_out: tuple[Any, ...]) -> FamilyState:
    own, *values = written_out
    fields: dict[str, Any] = dict(zip(_FIELDS, values, strict=True))
    return FamilyState(**fields, own=Resources(fields["organization"], **own))
