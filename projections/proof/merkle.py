"""Merkle trees by RFC 6962, section 2.1: root, inclusion and consistency, over hashes of leaves.

A tree of n leaves is split at the largest power of two below n. Leaves and nodes are hashed with different prefixes, so
that neither can pass for the other. Verifying a proof needs no tree.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise

_LEAF, _NODE = b"\x00", b"\x01"
Hash = bytes


class UnprovenError(ValueError):
    """An impossible proof: it has too many hashes, too few, or a place outside its tree."""


def leaf_hash(data: bytes) -> Hash:
    """The hash of a leaf's data; it never equals a node's hash."""
    return sha256(_LEAF + data).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """The hash of a node, from the hashes of its two subtrees."""
    return sha256(_NODE + left + right).digest()


def root_of(leaves: Sequence[Hash]) -> Hash:
    """The root of these leaves; without leaves, the hash of the empty text."""
    return levels_of(leaves)[-1][0] if leaves else sha256().digest()


def levels_of(leaves: Sequence[Hash]) -> list[Sequence[Hash]]:
    """All nodes above some leaves: node i of level k stands for the leaves from i * 2**k, at most 2**k of them."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        levels.append(_above(levels[-1]))
    return levels


def _above(level: Sequence[Hash]) -> list[Hash]:
    """The next level: pairs from the left. An unpaired last node moves up unchanged, which gives the split of the
    RFC.
    """
    pairs = iter(level)
    above = [sha256(_NODE + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
    return [*above, level[-1]] if len(level) % 2 else above


def inclusion(leaves: Sequence[Hash], index: int) -> list[Hash]:
    """The proof that the leaf at `index` is in the tree of these leaves: its siblings, from the leaf to the root."""
    path = []
    for level in levels_of(leaves):
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index //= 2
    return path


def root_by_inclusion(leaf: Hash, index: int, size: int, path: Sequence[Hash]) -> Hash:
    """The root of a tree of `size` leaves with `leaf` at `index` (RFC 9162, 2.1.3.2).

    Raises: UnprovenError.
    """
    if not 0 <= index < size:
        raise UnprovenError(f"leaf {index} of {size}")
    root, last, siblings = leaf, size - 1, iter(path)
    while last:
        if index % 2:
            root = node_hash(_next(siblings), root)
        elif index < last:
            root = node_hash(root, _next(siblings))
        index, last = index // 2, last // 2
    if next(siblings, None) is not None:
        raise UnprovenError("the proof has more hashes than its tree is high")
    return root


def _next(hashes: Iterator[Hash]) -> Hash:
    sibling = next(hashes, None)
    if sibling is None:
        raise UnprovenError("the proof has too few hashes")
    return sibling


def consistency(leaves: Sequence[Hash], first: int) -> list[Hash]:
    """The proof that the tree of the first `first` leaves is the beginning of the tree of all: RFC 6962, 2.1.2."""
    if not 0 < first <= len(leaves):
        raise UnprovenError(f"{first} leaves of {len(leaves)}")
    path: list[Hash] = []
    low, high, whole = 0, len(leaves), True
    while first - low != high - low:
        middle = low + _split(high - low)
        if first <= middle:
            path.append(root_of(leaves[middle:high]))
            high = middle
        else:
            path.append(root_of(leaves[low:middle]))
            low, whole = middle, False
    if not whole:
        path.append(root_of(leaves[low:high]))
    return path[::-1]


def is_consistent(first: int, first_root: Hash, second: int, second_root: Hash, path: Sequence[Hash]) -> bool:
    """Whether the tree with `first` leaves is the beginning of the tree with `second` leaves (RFC 9162, 2.1.4.2)."""
    if first == second:
        return first_root == second_root and not path
    if not 0 < first < second or not path:
        return False
    # A first tree of a power of two is a node of the second tree, and the proof does not repeat it.
    hashes = [first_root, *path] if first & (first - 1) == 0 else list(path)
    index, last = first - 1, second - 1
    while index % 2:
        index, last = index // 2, last // 2
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if not last:
            return False
        if index % 2 or index == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while index and not index % 2:
                index, last = index // 2, last // 2
        else:
            new = node_hash(new, sibling)
        index, last = index // 2, last // 2
    return not last and (old, new) == (first_root, second_root)


def pruned(leaves: Sequence[Hash], kept: Sequence[int]) -> list[Hash]:
    """The hashes that are needed beside the leaves at these ascending places to compute the root: of every largest
    subtree without any of the leaves its root, from the left. It is one inclusion proof for all of them.
    """
    if not kept:
        return [root_of(leaves)]
    if len(leaves) == 1:
        return []
    middle = _split(len(leaves))
    left, right = [place for place in kept if place < middle], [place - middle for place in kept if place >= middle]
    return pruned(leaves[:middle], left) + pruned(leaves[middle:], right)


def root_by_pruned(kept: Sequence[tuple[int, Hash]], size: int, hashes: Sequence[Hash]) -> Hash:
    """The root of a tree of `size` leaves that has these leaves at their places, in ascending order.

    Every given leaf enters the root: a repeated place, or places in another order, give an error, so nothing can stand
    in a document without being hashed. Raises: UnprovenError.
    """
    places = [place for place, _ in kept]
    if any(second <= first for first, second in pairwise(places)):
        raise UnprovenError("its leaves do not stand in ascending places, each once")
    if places and not 0 <= places[0] <= places[-1] < size:
        raise UnprovenError(f"a leaf outside of {size}")
    others = iter(hashes)
    root = _root_by_pruned(kept, 0, size, others)
    if next(others, None) is not None:
        raise UnprovenError("the proof has more hashes than its tree has subtrees")
    return root


def _root_by_pruned(kept: Sequence[tuple[int, Hash]], low: int, size: int, others: Iterator[Hash]) -> Hash:
    if not kept:
        return _next(others)
    if size == 1:
        return kept[0][1]
    middle = _split(size)
    left = [leaf for leaf in kept if leaf[0] < low + middle]
    right = [leaf for leaf in kept if leaf[0] >= low + middle]
    return node_hash(
        _root_by_pruned(left, low, middle, others), _root_by_pruned(right, low + middle, size - middle, others)
    )


def _split(size: int) -> int:
    """The largest power of two below the size."""
    return 1 << (size - 1).bit_length() - 1


def grown(peaks: Sequence[Hash], size: int, leaf: Hash) -> list[Hash]:
    """The peaks of a tree that had `size` leaves and gets one more.

    Peaks are the roots of its largest whole subtrees, from the left, one for each binary digit 1 of the size. A tree
    needs no other nodes in order to grow.
    """
    peaks = [*peaks, leaf]
    while size % 2:
        right, left = peaks.pop(), peaks.pop()
        peaks.append(node_hash(left, right))
        size //= 2
    return peaks


def root_of_peaks(peaks: Sequence[Hash]) -> Hash:
    """The root of the tree with these peaks."""
    if not peaks:
        return root_of(())
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root
