"""A bill is verified from a file alone, and what somebody changed in it, or behind it, is named."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import pytest

from events.codec import decode, encode
from events.envelope import seal
from events.facts.bills import BillVoided
from projections.proof.merkle import consistency
from services.proof.documents import (
    BillExport,
    Consistency,
    PartitionProof,
)
from services.proof.head import TopicPartition
from services.proof.selecting import OfCatalog, RecordsOfBill
from services.proof.verifying import verify
from tests.proof.signed_log import (
    BILL,
    LOG,
    ORGANIZATION,
    ORIGINS,
    OTHER_SIGNER,
    OTHERS,
    SHARED,
    SIGNER,
    SignedLog,
    signed_log,
    tokens_of,
)

SIGNED = signed_log()
EXPORT = SIGNED.export()
TOLD = f"bill {BILL} of account {SIGNED.bill.account_id} of {ORGANIZATION}, 2026-02-01: 43.50 USD"


def test_the_bill_is_what_its_records_give() -> None:
    """January: 10 * (0 + ... + 30) tokens at 0.01 are 46.50, of which 3.00 were prepaid."""
    verdict = verify(EXPORT, SIGNER.key)
    assert verdict.wrong == [] and verdict.keys == {SIGNER.key}
    assert [line for line in verdict.lines if " line " in line] == [
        "OK       line 1: USAGE 46.50 for 2026-01-01 to 2026-02-01",
        "OK       line 2: COMMITMENT_CONSUMED -3.00 for 2026-01-01 to 2026-02-01",
    ]
    assert verdict.lines[-1] == f"OK       {TOLD}"


def test_the_verdict_says_as_of_when_it_stands() -> None:
    """A voiding that came later, or that was left out of the file, is in no file: so it is told what is known."""
    lines = verify(EXPORT, SIGNER.key).lines
    assert "part of checkpoint 4 of billing.events/0, as of 2026-03-20 02:15 UTC" in lines[1]
    [names, moment] = [line for line in lines if line.startswith("NOTE ")]
    assert "proved" in names and "all that follows is as of 2026-03-20 02:15 UTC: what was written later" in moment


@pytest.mark.parametrize("place", [SHARED, LOG])
def test_a_checkpoint_that_is_older_than_what_the_bill_was_derived_under_is_told(place: TopicPartition) -> None:
    """Prices that came behind it could be left out of the file, and nothing of that would show."""
    positions = SIGNED.bill.positions
    end = {SHARED: positions.catalog, LOG: positions.log}[place]
    of: type[OfCatalog | RecordsOfBill] = OfCatalog if place == SHARED else RecordsOfBill
    wants = of(ORIGINS, ORGANIZATION, SIGNED.bill)
    older = SignedLog(SIGNED.records | {place: SIGNED.records[place][: end - 1]}, SIGNED.bill)
    proof = older.proved(place, wants)
    part = {SHARED: "catalog", LOG: "log"}[place]
    wrong = verify(EXPORT.model_copy(update={part: proof}), SIGNER.key).wrong
    assert "ends before offset" in wrong[0] if place == SHARED else "was not issued" in wrong[0]


def test_no_other_customer_is_in_it_and_nothing_that_came_later() -> None:
    # Names of generations are the system's; here one is called as an organization is.
    text = EXPORT.model_copy(update={"generations": ()}).model_dump_json(by_alias=True)
    assert OTHERS not in text and "bolt" not in text and '\\"999\\"' not in text
    kept = sum(len(segment.records) for segment in EXPORT.log.segments)
    assert kept == 3 + 31 + 1 and len(SIGNED.records[LOG]) == 2 * (3 + 31) + 3 + 1 + 1 + 3


def changed(part: str, change: Callable[[PartitionProof], PartitionProof]) -> BillExport:
    return EXPORT.model_copy(update={part: change(getattr(EXPORT, part))})


def with_record(proof: PartitionProof, segment: int, record: int, **update: object) -> PartitionProof:
    segments = list(proof.segments)
    records = list(segments[segment].records)
    records[record] = records[record].model_copy(update=update)
    segments[segment] = segments[segment].model_copy(update={"records": tuple(records)})
    return proof.model_copy(update={"segments": tuple(segments)})


def test_one_byte_of_a_record_and_the_record_is_named() -> None:
    record = EXPORT.log.segments[1].records[2]
    value = record.value.replace('"tokens":"90"', '"tokens":"80"')
    assert value != record.value
    verdict = verify(changed("log", lambda log: with_record(log, 1, 2, value=value)))
    named = f"billing.events/0: the record at offset {record.offset} is not the one that was signed"
    assert verdict.wrong == [named, "no line is derived, for the records are not proved"]


@pytest.mark.parametrize(
    "change",
    [
        lambda log: with_record(log, 1, 2, leaf=bytes(32)),
        lambda log: with_record(log, 1, 2, place=0),
        lambda log: log.model_copy(
            update={"segments": (log.segments[0].model_copy(update={"hashes": ()}), *log.segments[1:])}
        ),
    ],
)
def test_a_proof_that_does_not_lead_to_its_segment_is_named(
    change: Callable[[PartitionProof], PartitionProof],
) -> None:
    verdict = verify(changed("log", change))
    assert "offsets" in verdict.wrong[0] and verdict.wrong[-1].startswith("no line is derived")


def test_a_record_at_another_offset_is_named() -> None:
    record = EXPORT.log.segments[1].records[2]
    verdict = verify(changed("log", lambda log: with_record(log, 1, 2, offset=record.offset + 1)))
    assert f"the record at offset {record.offset + 1} is not the one that was signed" in verdict.wrong[0]


def test_segments_that_are_not_those_of_the_checkpoint_are_named() -> None:
    def other(log: PartitionProof) -> PartitionProof:
        first = log.segments[0]
        said = first.segment.model_copy(update={"root": bytes(32)})
        return log.model_copy(update={"segments": (first.model_copy(update={"segment": said}), *log.segments[1:])})

    verdict = verify(changed("log", other))
    assert "these segments are not those of checkpoint 4 of billing.events/0" in verdict.wrong[0]
    verdict = verify(changed("catalog", lambda _: EXPORT.log))
    assert "is another partition's" in verdict.wrong[0]


def test_a_checkpoint_that_another_key_signed_is_named() -> None:
    theirs = tokens_of(SIGNED.records[LOG], LOG, OTHER_SIGNER)[-1]
    forged = changed("log", lambda log: log.model_copy(update={"checkpoint": theirs}))
    assert "signed with another key" in verify(forged, SIGNER.key).wrong[0]
    assert verify(forged).keys == {SIGNER.key, OTHER_SIGNER.key}
    head, content, signature = EXPORT.log.checkpoint.split(".")
    broken = f"{head}.{content}.{signature[:-4]}AAAA"
    forged = changed("log", lambda log: log.model_copy(update={"checkpoint": broken}))
    assert "it is not what was signed" in verify(forged).wrong[0]


def test_a_row_of_the_database_that_somebody_changed_is_named() -> None:
    """What is shown comes from Postgres, all else from the log."""
    usage, drawn = EXPORT.lines
    shown = (usage.model_copy(update={"amount": Decimal("46.51")}), drawn)
    verdict = verify(EXPORT.model_copy(update={"lines": shown, "total": Decimal("43.51")}))
    assert verdict.wrong == [
        "line 1: USAGE 46.50 for 2026-01-01 to 2026-02-01; amount is shown as 46.51, and was issued as 46.50",
        f"{TOLD}; shown is 43.51",
    ]
    assert verify(EXPORT.model_copy(update={"lines": (usage,)})).wrong == [
        "line 2: COMMITMENT_CONSUMED -3.00 for 2026-01-01 to 2026-02-01; it is not shown"
    ]
    more = usage.model_copy(update={"number": 3})
    [wrong] = verify(EXPORT.model_copy(update={"lines": (*EXPORT.lines, more)})).wrong
    assert wrong == "line 3: USAGE 46.50 for 2026-01-01 to 2026-02-01 is shown, and was not issued"


def test_a_line_that_is_shown_twice_is_named() -> None:
    """Whatever it says the first time: who reads the file sees both."""
    usage, drawn = EXPORT.lines
    for lines in ((usage.model_copy(update={"amount": Decimal(99999)}), usage, drawn), (usage, usage, drawn)):
        assert verify(EXPORT.model_copy(update={"lines": lines})).wrong == ["line 1 is shown 2 times"]
    assert verify(EXPORT.model_copy(update={"lines": (drawn, usage)})).wrong == [
        "the lines are not shown in the order of their numbers"
    ]


def test_a_bill_that_was_issued_wrong_is_named_by_line() -> None:
    """It stands so in the log, proved: its own records say otherwise."""
    usage, drawn = SIGNED.bill.lines
    false = SIGNED.bill.model_copy(update={"lines": (usage.model_copy(update={"amount": Decimal("64.50")}), drawn)})
    was, now = (bill.lines[0].model_dump_json(by_alias=True) for bill in (SIGNED.bill, false))
    assert '"amount":"46.50"' in was and '"amount":"64.50"' in now
    values = [
        (
            offset,
            value.replace(b'"amount":"46.50"', b'"amount":"64.50"') if b'"BillIssued"' in (value or b"") else value,
        )
        for offset, value in SIGNED.records[LOG]
        if value is not None
    ]
    verdict = verify(SignedLog(SIGNED.records | {LOG: list(values)}, false).export())
    told = "for 2026-01-01 to 2026-02-01"
    assert verdict.wrong == [
        f"line 1: USAGE 64.50 {told}; derived is USAGE 46.50 {told}",
        f"USAGE 46.50 {told} is derived, and was not issued",
    ]


@dataclass(frozen=True)
class Without:
    """Wants what another wants, without some of it."""

    wants: RecordsOfBill
    left_out: Callable[[int, bytes], bool]

    def why_not(self, offset: int, value: bytes) -> str | None:
        return self.wants.why_not(offset, value) or ("is left out" if self.left_out(offset, value) else None)


def test_an_export_that_leaves_out_usage_gives_other_lines_than_were_issued() -> None:
    wants = RecordsOfBill(ORIGINS, ORGANIZATION, SIGNED.bill)
    last = EXPORT.log.segments[-2].records[-1].offset
    fewer = SIGNED.proved(LOG, Without(wants, lambda offset, _: offset == last))
    verdict = verify(EXPORT.model_copy(update={"log": fewer}))
    assert "line 1: USAGE 46.50" in verdict.wrong[0] and "derived is USAGE 4" in verdict.wrong[0]
    wants = RecordsOfBill(ORIGINS, ORGANIZATION, SIGNED.bill)
    without_bill = SIGNED.proved(LOG, Without(wants, lambda _, value: b"BillIssued" in value))
    [wrong] = verify(EXPORT.model_copy(update={"log": without_bill})).wrong
    assert wrong == f"bill {BILL} was not issued, as far as these records tell"


def test_a_bill_that_was_voided_later_is_told() -> None:
    log = [(offset, value) for offset, value in SIGNED.records[LOG] if value is not None]
    issued = next(decode(value) for _, value in log if b'"BillIssued"' in value)
    whose = {"bill_id": BILL, "account_id": SIGNED.bill.account_id, "root_id": SIGNED.bill.root_id}
    voided = seal(
        BillVoided(**whose), source=issued.source, sequence=issued.sequence + 1,
        organization=ORGANIZATION, time=issued.time, account=issued.account,
    )  # fmt: skip
    last = log[-1][0]
    tick = next(value for _, value in reversed(log) if b'"ClockTicked"' in value)
    more = [*SIGNED.records[LOG], (last + 1, encode(voided)), (last + 2, tick)]
    verdict = verify(SignedLog(SIGNED.records | {LOG: more}, SIGNED.bill).export())
    assert verdict.wrong == [f"bill {BILL} was voided after it was issued"]


def test_a_later_checkpoint_goes_on_from_an_earlier_one() -> None:
    heads = SIGNED.heads(LOG)
    leaves = [head.head.segment.segment.leaf(*LOG) for head in heads]
    for second in range(1, len(heads) + 1):
        for first in range(1, second + 1):
            path = tuple(consistency(leaves[:second], first))
            proof = Consistency(first=heads[first - 1].token, second=heads[second - 1].token, path=path)
            assert verify(proof, SIGNER.key).wrong == []
            swapped = Consistency(first=proof.second, second=proof.first, path=path)
            assert bool(verify(swapped).wrong) is (first != second)
    rewritten = [(offset, b"x" if offset == 3 else value) for offset, value in SIGNED.records[LOG]]
    other = tokens_of(rewritten, LOG)
    path = tuple(consistency(leaves, 1))
    [wrong] = verify(Consistency(first=other[0], second=heads[-1].token, path=path)).wrong
    assert wrong == "checkpoint 4 of billing.events/0 does not go on from checkpoint 1 of billing.events/0"
