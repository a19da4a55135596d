"""A bill of many lines: divided into facts of at most so many bytes, and whole again for whoever reads them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from events.bill_parts import BillParts, BrokenBillError, divided
from events.codec import decode
from events.facts.bills import BillFact, BillIssued, BillLinesIssued, BillLocked, BillOpened

GOLDEN = Path(__file__).parent.parent / "golden"
EVERYTHING = 1_000_000


def golden(name: str) -> BillFact:
    fact = decode((GOLDEN / f"{name}.json").read_bytes()).data
    assert isinstance(fact, BillFact)
    return fact


def bill_of(count: int) -> BillIssued:
    """A bill of so many lines, each a little longer than the one before, in letters of several bytes."""
    bill = golden("BillIssued")
    assert isinstance(bill, BillIssued)
    lines = [
        bill.lines[0].model_copy(update={"number": number, "id": f"line-{number}", "description": "é" * number * 5})
        for number in range(1, count + 1)
    ]
    return bill.model_copy(update={"lines": tuple(lines)})


def size(fact: BillFact) -> int:
    return len(fact.model_dump_json(by_alias=True, exclude_unset=True).encode())


def told(facts: Sequence[BillFact]) -> list[BillFact]:
    """What a reader of these facts is told."""
    parts = BillParts()
    return [whole for fact in facts if (whole := parts.whole(fact)) is not None]


def test_a_bill_that_fits_is_stored_as_it_is() -> None:
    bill = bill_of(20)
    [alone] = divided(bill, size(bill) + 1)
    assert alone is bill and bill.lines_before == 0 and told([alone]) == [bill]


@pytest.mark.parametrize("most", [1_500, 2_000, 5_000, 11_000])
def test_a_bill_that_does_not_fit_is_divided_in_its_order_and_is_whole_again(most: int) -> None:
    bill = bill_of(40)
    *parts, last = facts = divided(bill, most)
    assert len(parts) >= 2 and all(size(fact) <= most for fact in facts)
    assert [part.part for part in parts if isinstance(part, BillLinesIssued)] == [*range(1, len(parts) + 1)]
    assert isinstance(last, BillIssued) and last.lines_before == last.lines[0].number - 1 > 0
    assert told(facts) == [bill]
    [whole] = told(facts)
    assert whole.model_dump_json(exclude_unset=True) == bill.model_dump_json(exclude_unset=True)


def test_a_part_takes_as_many_lines_as_there_is_room_for() -> None:
    bill = bill_of(40)
    first, *_ = divided(bill, 5_000)
    assert isinstance(first, BillLinesIssued)
    following = bill.lines[len(first.lines)]
    longer = first.model_copy(update={"lines": (*first.lines, following)})
    # The room beside the lines is that of the bill's own members, which are more than a part's.
    assert size(longer) + size(bill) - size(bill.model_copy(update={"lines": ()})) > 5_000
    assert len(divided(bill, 20_000)) < len(divided(bill, 5_000)) < len(divided(bill, 2_000))


def test_a_line_that_does_not_fit_stands_alone() -> None:
    facts = divided(bill_of(3), 10)
    assert [fact.lines_before for fact in facts if isinstance(fact, BillIssued)] == [2]
    assert len(facts) == 3 and told(facts) == [bill_of(3)]


def test_a_divided_bill_stands_in_the_log_as_its_golden_files_say() -> None:
    whole, part, last = golden("BillIssued"), golden("BillLinesIssued"), golden("BillIssued.divided")
    assert isinstance(whole, BillIssued)
    assert told([part, last]) == [whole] and divided(whole, size(whole) - 1) == [part, last]


def test_a_reader_is_told_nothing_before_the_bill_is_issued() -> None:
    opened, locked, facts = golden("BillOpened"), golden("BillLocked"), divided(bill_of(40), 2_000)
    assert told([opened, *facts[:-1]]) == [opened]
    assert told([opened, *facts, locked]) == [opened, bill_of(40), locked]
    assert isinstance(opened, BillOpened) and isinstance(locked, BillLocked)


def test_parts_that_were_never_followed_by_their_bill_are_of_no_bill() -> None:
    lost, anew = divided(bill_of(40), 2_000)[:-1], divided(bill_of(30), 3_000)
    assert told([*lost, *anew]) == [bill_of(30)]
    assert told([*lost, bill_of(2), *anew]) == [bill_of(2), bill_of(30)]


def test_what_is_missing_between_the_parts_is_named() -> None:
    facts = divided(bill_of(40), 2_000)
    with pytest.raises(BrokenBillError, match="part 3 came where part 2 was due"):
        told([facts[0], facts[2]])
    with pytest.raises(BrokenBillError, match="part 2 came where part 1 was due"):
        told(facts[1:])
    last = facts[-1]
    assert isinstance(last, BillIssued)
    with pytest.raises(BrokenBillError, match=f"line {last.lines_before + 1} came where line 1 was due"):
        told([last])
    with pytest.raises(BrokenBillError, match="part 2 came where part 1 was due"):
        told([*facts, facts[1]])
