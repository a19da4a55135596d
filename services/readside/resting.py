"""Packed families: the content of a family in some hundred bytes, until it is used again.

In use, a family takes some twenty kilobytes, mostly terms and the state of settlement. Packing omits these, and they
are derived again on use. Unpacking is cheaper than reading rows and facts, and asks Postgres for nothing.
"""

import pickle
import zlib
from collections import OrderedDict
from collections.abc import Container
from typing import Any, NamedTuple

from projections.resources import ATTRIBUTES, Resources
from services.readside.family_state import ESSENTIAL, FamilyState

#: Bytes of a packed family beside its content: its entry here, and those that lead from its accounts to it.
BESIDE = 500
#: The window of zlib.
_DICTIONARY_BYTES = 32_768


class _Resting(NamedTuple):
    partition: int
    accounts: tuple[str, ...]
    packed: bytes

    @property
    def size(self) -> int:
        return len(self.packed) + BESIDE


class RestingFamilies:
    """Packed families by root, longest unused first, in at most `most` bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._families: OrderedDict[str, _Resting] = OrderedDict()
        self._most_bytes = most_bytes
        self._bytes = 0
        #: The packed form of one family, as zlib's dictionary: other families are similar, and only differences take
        #: space.
        self._dictionary: bytes | None = None

    def __len__(self) -> int:
        return len(self._families)

    def put(self, family: FamilyState) -> list[str]:
        """Pack a family without unwritten changes; returns the accounts of families dropped to make room."""
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
        """Unpack the family and remove it from here."""
        resting = self._families.pop(root_id, None)
        if resting is None:
            return None
        self._bytes -= resting.size
        assert self._dictionary is not None, "what rests was packed with it"
        unpacking = zlib.decompressobj(zdict=self._dictionary)
        # These bytes were written by this process and never left it.
        return _read(pickle.loads(unpacking.decompress(resting.packed) + unpacking.flush()))

    def forget(self, partitions: Container[int]) -> list[str]:
        """Drop the families of these partitions; returns their accounts."""
        gone = [root_id for root_id, resting in self._families.items() if resting.partition in partitions]
        return [account_id for root_id in gone for account_id in self._forget(root_id)]

    def _forget(self, root_id: str) -> tuple[str, ...]:
        resting = self._families.pop(root_id)
        self._bytes -= resting.size
        return resting.accounts


#: The packed fields of a family. Of its own resources, only kinds with any resources are packed.
_FIELDS = tuple(name for name in ESSENTIAL if name != "own")


def _written_out(family: FamilyState) -> tuple[Any, ...]:
    own = {kind: entities for kind in ATTRIBUTES.values() if (entities := getattr(family.own, kind))}
    return own, *(getattr(family, name) for name in _FIELDS)


def _read(written_out: tuple[Any, ...]) -> FamilyState:
    own, *values = written_out
    fields: dict[str, Any] = dict(zip(_FIELDS, values, strict=True))
    return FamilyState(**fields, own=Resources(fields["organization"], **own))
