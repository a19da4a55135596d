"""The trees are RFC 6962's: known roots and proofs, and the laws that a proof has to keep."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.proof.merkle import (
    Hash,
    UnprovenError,
    consistency,
    grown,
    inclusion,
    is_consistent,
    leaf_hash,
    node_hash,
    pruned,
    root_by_inclusion,
    root_by_pruned,
    root_of,
    root_of_peaks,
)

#: The leaves and roots that implementations of Certificate Transparency are tried with.
DATA = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
LARGEST = 24


def leaves_of(size: int) -> list[Hash]:
    return [leaf_hash(number.to_bytes(2)) for number in range(size)]


def flipped(hash: Hash, bit: int) -> Hash:
    return (int.from_bytes(hash) ^ 1 << bit).to_bytes(len(hash))


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_roots_are_those_of_the_standard(size: int) -> None:
    assert root_of([leaf_hash(bytes.fromhex(data)) for data in DATA[:size]]).hex() == ROOTS[size]


def test_proofs_are_those_that_the_standard_shows() -> None:
    """RFC 6962, 2.1.3: the tree of seven leaves d0 to d6, with its nodes a to l."""
    a, b, c, d, e, f, j = leaves_of(7)
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, last = node_hash(g, h), node_hash(i, j)
    seven = [a, b, c, d, e, f, j]
    assert root_of(seven) == node_hash(k, last)
    assert inclusion(seven, 0) == [b, h, last]
    assert inclusion(seven, 3) == [c, g, last]
    assert inclusion(seven, 4) == [f, j, k]
    assert inclusion(seven, 6) == [i, k]
    assert consistency(seven, 3) == [c, d, g, last]
    assert consistency(seven, 4) == [last]
    assert consistency(seven, 6) == [i, j, k]


def test_leaves_and_nodes_cannot_pass_for_each_other() -> None:
    left, right = leaves_of(2)
    assert leaf_hash(left + right) != node_hash(left, right) == root_of([left, right])


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_every_leaf_is_proved_and_every_beginning_is(size: int) -> None:
    leaves = leaves_of(size)
    root = root_of(leaves)
    for index, leaf in enumerate(leaves):
        path = inclusion(leaves, index)
        assert root_by_inclusion(leaf, index, size, path) == root
        for other in {*range(size)} - {index}:
            assert not leads(leaf, other, size, path, root)
    for first in range(1, size + 1):
        path = consistency(leaves, first)
        assert is_consistent(first, root_of(leaves[:first]), size, root, path)
        for other in {*range(1, size)} - {first}:
            assert not is_consistent(other, root_of(leaves[:first]), size, root, path)


def leads(leaf: Hash, index: int, size: int, path: Sequence[Hash], root: Hash) -> bool:
    try:
        return root_by_inclusion(leaf, index, size, path) == root
    except UnprovenError:
        return False


@given(st.data())
def test_one_bit_anywhere_and_nothing_is_proved(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 80), label="size")
    leaves, bit = leaves_of(size), data.draw(st.integers(0, 255), label="bit")
    root, index = root_of(leaves), data.draw(st.integers(0, size - 1), label="index")
    path, wrong = inclusion(leaves, index), flipped(leaves[index], bit)
    step = data.draw(st.integers(0, len(path) - 1), label="place")
    assert not leads(wrong, index, size, path, root)
    assert not leads(leaves[index], index, size, changed(path, step, bit), root)
    assert not leads(leaves[index], index, size, path[:step] + path[step + 1 :], root)
    assert not leads(leaves[index], index, size, [*path, root], root)
    assert not leads(leaves[index], size, size, path, root)

    first = data.draw(st.integers(1, size - 1), label="first")
    beginning, proof = root_of(leaves[:first]), consistency(leaves, first)
    step = data.draw(st.integers(0, len(proof) - 1), label="place")
    assert not is_consistent(first, flipped(beginning, bit), size, root, proof)
    assert not is_consistent(first, beginning, size, flipped(root, bit), proof)
    assert not is_consistent(first, beginning, size, root, changed(proof, step, bit))
    assert not is_consistent(first, beginning, size, root, proof[:-1])
    assert not is_consistent(first, beginning, size, root, [*proof, root])


def changed(path: Sequence[Hash], index: int, bit: int) -> list[Hash]:
    return [flipped(hash, bit) if number == index else hash for number, hash in enumerate(path)]


@given(st.data())
def test_several_leaves_are_proved_by_what_lies_between_them(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 80), label="size")
    kept = sorted(data.draw(st.sets(st.integers(0, size - 1)), label="kept"))
    leaves = leaves_of(size)
    root, hashes = root_of(leaves), pruned(leaves, kept)
    kept_leaves = [(index, leaves[index]) for index in kept]
    assert root_by_pruned(kept_leaves, size, hashes) == root
    bit = data.draw(st.integers(0, 255), label="bit")
    for at, (index, leaf) in enumerate(kept_leaves):
        assert (
            root_by_pruned([*kept_leaves[:at], (index, flipped(leaf, bit)), *kept_leaves[at + 1 :]], size, hashes)
            != root
        )
        for more in ((index, flipped(leaf, bit)), (index, leaf)):
            for where in (at, at + 1):
                with pytest.raises(UnprovenError, match="each once"):
                    root_by_pruned([*kept_leaves[:where], more, *kept_leaves[where:]], size, hashes)
    if len(kept_leaves) > 1:
        with pytest.raises(UnprovenError):
            root_by_pruned(kept_leaves[::-1], size, hashes)
    for index in range(len(hashes)):
        assert root_by_pruned(kept_leaves, size, changed(hashes, index, bit)) != root
    for wrong in (hashes[:-1] if hashes else [root], [*hashes, root]):
        with pytest.raises(UnprovenError):
            root_by_pruned(kept_leaves, size, wrong)
    with pytest.raises(UnprovenError):
        root_by_pruned([(size, root)], size, hashes)


@given(st.integers(0, 300))
def test_a_tree_grows_from_its_peaks_alone(size: int) -> None:
    leaves, peaks = leaves_of(size), list[Hash]()
    for number, leaf in enumerate(leaves):
        peaks = grown(peaks, number, leaf)
    assert root_of_peaks(peaks) == root_of(leaves) and len(peaks) == size.bit_count()
