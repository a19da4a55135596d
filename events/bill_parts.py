"""Bills that are too large for one record: divided when they are issued, and joined again by every reader.

The lines stand in the log in their order: the first ones in `BillLinesIssued` 1, 2, ..., the last ones in `BillIssued`,
the fact that issues the bill. All these facts are one transaction of the event store and follow each other in the
stream. A reader may stop between them. The log may end between them, too, if a lost store had not relayed the rest:
then a bill of the same id begins again with part 1, or never comes.
"""

from pydantic import BaseModel

from events.facts.bills import BillFact, BillIssued, BillLine, BillLinesIssued


class BrokenBillError(ValueError):
    """A part of a divided bill does not follow the part before it."""

    def __init__(self, bill_id: str, what: str, wanted: str) -> None:
        super().__init__(f"bill {bill_id}: {what} came where {wanted} was due")


def divided(bill: BillIssued, most: int) -> list[BillFact]:
    """The facts of a bill, each of at most this many bytes of JSON; a single line may exceed the limit.

    A bill that fits into one record is returned unchanged.
    """
    room = most - _bytes(bill.model_copy(update={"lines": ()}))
    groups: list[list[BillLine]] = [[]]
    size = 0
    for line in bill.lines:
        weight = _bytes(line) + len(",")
        if groups[-1] and size + weight > room:
            groups.append([])
            size = 0
        groups[-1].append(line)
        size += weight
    *first, last = (tuple(group) for group in groups)
    if not first:
        return [bill]
    whose = {"bill_id": bill.bill_id, "account_id": bill.account_id, "root_id": bill.root_id}
    parts = [BillLinesIssued(**whose, part=part, lines=lines) for part, lines in enumerate(first, 1)]
    return [*parts, bill.model_copy(update={"lines": last})]


class BillParts:
    """The parts read so far of bills whose `BillIssued` has not come yet."""

    def __init__(self) -> None:
        self._held: dict[str, list[BillLinesIssued]] = {}

    def whole(self, fact: BillFact) -> BillFact | None:
        """The next fact for readers: a bill with all of its lines; None for a mere part of a bill.

        Raises: BrokenBillError.
        """
        match fact:
            case BillLinesIssued():
                self._hold(fact)
                return None
            case BillIssued():
                return self._put_together(fact)
            case _:
                return fact

    def _hold(self, fact: BillLinesIssued) -> None:
        parts = [] if fact.part == 1 else self._held.get(fact.bill_id, [])
        if fact.part != len(parts) + 1:
            raise BrokenBillError(fact.bill_id, f"part {fact.part}", f"part {len(parts) + 1}")
        self._held[fact.bill_id] = [*parts, fact]

    def _put_together(self, bill: BillIssued) -> BillIssued:
        parts = self._held.pop(bill.bill_id, [])
        if not bill.lines_before:
            return bill
        before = [line for part in parts for line in part.lines]
        if len(before) != bill.lines_before:
            raise BrokenBillError(bill.bill_id, f"line {bill.lines_before + 1}", f"line {len(before) + 1}")
        return bill.model_copy(update={"lines": (*before, *bill.lines)})


def _bytes(model: BaseModel) -> int:
    return len(model.model_dump_json(by_alias=True, exclude_unset=True).encode())
