"""A bill is verified from a file alone, and what somebody changed in it, or behind it, is named."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from events.codec import decode, encode
from events.envelope import seal
from events.facts.bills import BillVoided
from projections.proof.merkle import consistency
from services.proof.cli import verify as command
from services.proof.documents import READER, BillExport, Consistency, PartitionProof
from services.proof.head import sign_head
from services.proof.selecting import OfBill
from services.proof.verifying import verify
from tests.proof.signed_log import (
    BILL,
    LOG,
    ORGANIZATION,
    ORIGINS,
    OTHER_SIGNER,
    OTHERS,
    SIGNER,
    SignedLog,
    signed_log,
    tokens_of,
)

SIGNED = signed_log()
EXPORT = SIGNED.export()


def test_the_bill_is_what_its_records_give() -> None:
    """January: 10 * (0 + ... + 30) tokens at 0.01 are 46.50, of which 3.00 were prepaid."""
    verdict = verify(EXPORT, SIGNER.key)
    assert verdict.wrong == [] and verdict.keys == {SIGNER.key}
    assert [line for line in verdict.lines if " line " in line] == [
        "OK       line 1: USAGE 46.50 for 2026-01-01 to 2026-02-01",
        "OK       line 2: COMMITMENT_CONSUMED -3.00 for 2026-01-01 to 2026-02-01",
    ]
    assert verdict.lines[-1] == f"OK       bill {BILL} of account {SIGNED.bill.account_id}, 2026-02-01: 43.50 USD"


def test_no_other_customer_is_in_it_and_nothing_that_came_later() -> None:
    text = EXPORT.model_dump_json(by_alias=True)
    assert OTHERS not in text and "bolt" not in text and "carl" not in text and '\\"999\\"' not in text
    kept = sum(len(one.records) for one in EXPORT.log.segments)
    assert kept == 3 + 31 + 1 < len(SIGNED.records[LOG]) / 2


def changed(part: str, change: Callable[[PartitionProof], PartitionProof]) -> BillExport:
    return EXPORT.model_copy(update={part: change(getattr(EXPORT, part))})


def with_record(proof: PartitionProof, segment: int, record: int, **update: object) -> PartitionProof:
    segments = list(proof.segments)
    records = list(segments[segment].records)
    records[record] = records[record].model_copy(update=update)
    segments[segment] = segments[segment].model_copy(update={"records": tuple(records)})
    return proof.model_copy(update={"segments": tuple(segments)})


def test_one_byte_of_a_record_and_the_record_is_named() -> None:
    held = EXPORT.log.segments[1].records[2]
    value = held.value.replace('"tokens":"90"', '"tokens":"80"')
    assert value != held.value
    verdict = verify(changed("log", lambda log: with_record(log, 1, 2, value=value)))
    named = f"billing.events/0: the record at offset {held.offset} is not the one that was signed"
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


def test_records_that_stand_there_twice_or_in_another_order_are_told() -> None:
    for segments in (EXPORT.log.segments[::-1], (*EXPORT.log.segments, EXPORT.log.segments[-1])):
        verdict = verify(changed("log", partial(PartitionProof.model_copy, update={"segments": segments})))
        assert verdict.wrong[0] == "billing.events/0: the records are not in the order of the log"


def test_a_head_whose_peaks_are_not_its_root_is_not_understood() -> None:
    head = SIGNED.heads(LOG)[-1].head
    token = sign_head(SIGNER, head.model_copy(update={"root": bytes(32)}))
    wrong = verify(changed("log", lambda log: log.model_copy(update={"checkpoint": token}))).wrong
    assert "it says nothing that this version understands" in wrong[0]


def test_a_record_at_another_offset_is_named() -> None:
    held = EXPORT.log.segments[1].records[2]
    verdict = verify(changed("log", lambda log: with_record(log, 1, 2, offset=held.offset + 1)))
    assert f"the record at offset {held.offset + 1} is not the one that was signed" in verdict.wrong[0]


def test_segments_that_are_not_those_of_the_checkpoint_are_named() -> None:
    def other(log: PartitionProof) -> PartitionProof:
        first = log.segments[0]
        said = first.segment.model_copy(update={"root": bytes(32)})
        return log.model_copy(update={"segments": (first.model_copy(update={"segment": said}), *log.segments[1:])})

    verdict = verify(changed("log", other))
    assert "these segments are not those of checkpoint 4 of billing.events/0" in verdict.wrong[0]
    verdict = verify(changed("catalog", lambda _: EXPORT.log))
    assert "it is another partition's" in verdict.wrong[0]


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
        f"bill {BILL} of account {SIGNED.bill.account_id}, 2026-02-01: 43.50 USD; shown is 43.51",
    ]
    assert verify(EXPORT.model_copy(update={"lines": (usage,)})).wrong == [
        "line 2: COMMITMENT_CONSUMED -3.00 for 2026-01-01 to 2026-02-01; it is not shown"
    ]
    more = usage.model_copy(update={"number": 3})
    [wrong] = verify(EXPORT.model_copy(update={"lines": (*EXPORT.lines, more)})).wrong
    assert wrong == "line 3: USAGE 46.50 for 2026-01-01 to 2026-02-01 is shown, and was not issued"


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


def test_an_export_that_leaves_out_usage_gives_other_lines_than_were_issued() -> None:
    wants = OfBill(ORIGINS, ORGANIZATION, SIGNED.bill)
    last = EXPORT.log.segments[-2].records[-1].offset
    fewer = SIGNED.proved(LOG, lambda offset, value: wants(offset, value) and offset != last)
    verdict = verify(EXPORT.model_copy(update={"log": fewer}))
    assert "line 1: USAGE 46.50" in verdict.wrong[0] and "derived is USAGE 4" in verdict.wrong[0]
    without_bill = SIGNED.proved(LOG, lambda offset, value: wants(offset, value) and b"BillIssued" not in value)
    [wrong] = verify(EXPORT.model_copy(update={"log": without_bill})).wrong
    assert wrong == f"bill {BILL} was not issued, as far as these records tell"


def test_a_record_that_was_appended_twice_counts_once_though_the_file_has_both() -> None:
    wants, acme = OfBill(ORIGINS, ORGANIZATION, SIGNED.bill), SIGNED.bill.account_id.encode()
    both = SIGNED.proved(
        LOG, lambda offset, value: wants(offset, value) or (b'"UsageRated"' in value and acme in value)
    )
    assert len([one for part in both.segments for one in part.records]) > 3 + 31 + 1
    assert verify(EXPORT.model_copy(update={"log": both})).wrong == []


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


def test_the_command_says_it_and_ends_with_a_status(tmp_path: Path) -> None:
    file = tmp_path / "bill.json"
    file.write_text(EXPORT.model_dump_json(by_alias=True, exclude_none=True))
    assert READER.validate_json(file.read_bytes()) == EXPORT
    good = CliRunner().invoke(command, [str(file), "--key", SIGNER.key])
    assert good.exit_code == 0 and good.output.splitlines()[-1] == f"signed with key {SIGNER.key}"
    assert "compare it" in CliRunner().invoke(command, [str(file)]).output
    text = file.read_text()
    mark = '\\"measure\\":{\\"tokens\\":\\"'
    place = text.index(mark) + len(mark)
    file.write_text(text[:place] + "7" + text[place + 1 :])
    bad = CliRunner().invoke(command, [str(file)])
    assert bad.exit_code == 1 and "is not the one that was signed" in bad.output
    file.write_text("{}")
    assert "is no document of" in str(CliRunner().invoke(command, [str(file)]).exception)


def test_a_later_checkpoint_goes_on_from_an_earlier_one() -> None:
    heads = SIGNED.heads(LOG)
    leaves = [one.head.segment.segment.leaf(*LOG) for one in heads]
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
