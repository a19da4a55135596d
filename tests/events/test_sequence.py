"""The sequence rule: what is new from its source counts once, whatever was appended twice."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.sources import NONE, LastSequences


def test_what_is_not_greater_than_the_last_of_its_source_is_passed_over() -> None:
    last_sequences = LastSequences()
    given_order = [("a", 0), ("a", 0), ("a", 2), ("b", 1), ("a", 1), ("b", 2)]
    assert [last_sequences.accepts(*source_and_number) for source_and_number in given_order] == [
        True,
        False,
        True,
        True,
        False,
        True,
    ]
    assert (last_sequences, last_sequences.last("a"), last_sequences.last("c")) == ({"a": 2, "b": 2}, 2, NONE)


@pytest.mark.parametrize(
    ("sequences", "accepted"),
    [([5, 6, 9], True), ([4, 5], False), ([6, 5], False), ([5, 5], False), ([], False), ([5], True)],
)
def test_a_run_counts_whole_or_changes_nothing(sequences: Sequence[int], accepted: bool) -> None:
    last_sequences = LastSequences(a=4)
    assert last_sequences.accepts_all("a", sequences) == accepted
    assert last_sequences == {"a": sequences[-1] if accepted else 4}


@given(st.lists(st.integers(0, 9)), st.integers(NONE, 9))
def test_a_run_counts_as_its_records_one_by_one_would(sequences: list[int], last: int) -> None:
    whole, single = LastSequences(a=last), LastSequences(a=last)
    each = [single.accepts("a", sequence) for sequence in sequences]
    assert whole.accepts_all("a", sequences) == (bool(each) and all(each))


def test_what_is_missing_comes_after_the_last_and_is_not_counted_yet() -> None:
    last_sequences = LastSequences(a=2)
    numbered = [(1, "x"), (2, "y"), (4, "z")]
    assert last_sequences.missing("a", numbered) == ["z"]
    assert last_sequences.missing("b", numbered) == ["x", "y", "z"]
    assert last_sequences == {"a": 2}


def test_it_is_an_object_in_json() -> None:
    assert LastSequences(json.loads(json.dumps(LastSequences(a=1)))) == {"a": 1}
