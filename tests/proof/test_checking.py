"""The log, or a copy of it, is compared with what was signed; a record that was put in or changed is found."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.proof.segments import Cutter, Segment, Tree
from services.proof.checking import PartitionCheck
from services.proof.head import Head, head_of
from services.proof.heads_topic import series_of
from tests.proof.signed_log import LOG, OTHER_SIGNER, SIGNER, Numbered, signed_log, tokens_of

SIGNED = signed_log()
RECORDS = SIGNED.records[LOG]
HEADS = [head.head for head in SIGNED.heads(LOG)]


def found(records: Numbered, heads: list[Head] = HEADS, at_once: int = 7) -> str | None:
    check = PartitionCheck(heads)
    for start in range(0, len(records), at_once):
        check.take(records[start : start + at_once])
    check.end()
    return check.difference


def renumbered(values: list[bytes | None]) -> Numbered:
    return list(enumerate(values))


def test_the_log_is_what_was_signed_however_it_is_read() -> None:
    assert all(found(RECORDS, at_once=size) is None for size in (1, 2, 7, 1000))


def test_a_record_that_was_put_in_is_named_wherever_it_is() -> None:
    values = [value for _, value in RECORDS]
    for index in range(HEADS[-1].segment.end):
        said = str(found(renumbered([*values[:index], b"put in", *values[index:]])))
        [size] = [head.size for head in HEADS if head.segment.start <= index < head.segment.end]
        assert said.startswith(f"checkpoint {size} of billing.events/0, of offsets ")
        assert said.endswith(f"the record at offset {index} was put in; the others are those that were signed")


def test_one_that_ends_a_segment_early_is_named_too() -> None:
    values = [value for _, value in RECORDS]
    tick = next(value for value in values if b'"ClockTicked"' in (value or b""))
    assert "the record at offset 5 was put in" in str(found(renumbered([*values[:5], tick, *values[5:]])))


@pytest.mark.parametrize("place", range(0, HEADS[-1].segment.end, 10))
def test_a_byte_a_record_that_is_gone_and_two_that_changed_places_are_found(place: int) -> None:
    values = [value for _, value in RECORDS]
    value = values[place] or b""
    segment = next(head for head in HEADS if head.segment.start <= place < head.segment.end)
    where = f"{segment.named}, of offsets {segment.segment.start} to {segment.segment.end}: "
    for other in (
        [*values[:place], bytes([value[0] ^ 1]) + value[1:], *values[place + 1 :]],
        [*values[:place], *values[place + 1 :]],
    ):
        assert found(renumbered(other)) == f"{where}the records are not those that were signed"
    swapped = [*values[:place], values[place + 1], value, *values[place + 2 :]]
    assert str(found(renumbered(swapped))).startswith(where)


def test_a_log_that_ends_early_is_told() -> None:
    head = HEADS[-1]
    said = found(RECORDS[: head.segment.start + 2])
    assert said == (
        f"checkpoint 4 of billing.events/0, of offsets {head.segment.start} to {head.segment.end}: "
        f"{head.segment.records} records were signed, and there are 2"
    )


def test_heads_that_come_twice_or_from_others_are_passed_over() -> None:
    """Whatever a crash leaves behind, and whoever else writes there."""
    tokens, theirs = tokens_of(RECORDS, LOG), tokens_of([(0, b"x"), *RECORDS[2:]], LOG, OTHER_SIGNER)
    mixed = [tokens[0], theirs[0], tokens[0], "no token", tokens[1], tokens[0], tokens[1], tokens[3], *tokens[2:]]
    assert [head.token for head in series_of(mixed, LOG)] == tokens
    assert [head.token for head in series_of(mixed, LOG, SIGNER.key)] == tokens
    assert [head.token for head in series_of(mixed, LOG, OTHER_SIGNER.key)] == theirs[:1]
    assert series_of(tokens, ("billing.events", 1)) == [] and series_of([], LOG) == []


def in_the_name_of(key: str, head: Head) -> str:
    """A head as somebody else says it, who names a key that is not his."""
    content = {"aud": "trueup-tree-head", "head": head.model_dump(mode="json", by_alias=True, exclude_none=True)}
    return jwt.encode(content, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": key})


def test_a_head_in_the_operators_name_neither_counts_nor_holds_up_his_own() -> None:
    """It grows the operator's tree as well as his own do, by another segment; only it is not signed by him."""
    tokens = tokens_of(RECORDS, LOG)
    for at in range(len(tokens)):
        tree = HEADS[at - 1].tree if at else Tree(*LOG)
        segment = Segment(tree.end, tree.end + 9, 9, bytes(32), None)
        false = in_the_name_of(SIGNER.key, head_of(tree.grown(segment), segment))
        for key in (SIGNER.key, None):
            assert [head.token for head in series_of([*tokens[:at], false, *tokens[at:]], LOG, key)] == tokens


def test_whoever_signs_the_same_log_signs_the_same_texts() -> None:
    """So it does not matter where a notary was killed, or whether there were two."""
    tokens = tokens_of(RECORDS, LOG)
    for head in HEADS:
        tree, cutter = head.tree, Cutter(head.tree.end)
        again = []
        for cut in cutter.take(RECORDS[head.tree.end :]):
            tree = tree.grown(cut.segment)
            again.append(tree.root)
        assert again == [later.root for later in HEADS[head.size :]]
    assert tokens == tokens_of(RECORDS, LOG)
