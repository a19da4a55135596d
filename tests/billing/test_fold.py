"""The fold of a root's bills: what is pending, what memos it has, and that no later bill corrects a memo."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from events.codec import decode
from events.facts.bills import (
    BillDropped,
    BillFact,
    BillIssued,
    BillLinesIssued,
    BillMoved,
    BillOpened,
    BillVoided,
    MemoAdded,
)
from projections.resources import Resources
from projections.settlement import Billed, draft_bills
from projections.settlement.drafts import memo_lines
from services.billing.life import BillLife
from services.simulate.memory_player import MemoryPlayer
from services.simulate.naming import id_of
from services.simulate.player import WrittenEntity

GOLDEN = Path(__file__).parent.parent / "golden"


def golden(name: str, **changed: Any) -> Any:
    """The fact of a golden file, about one and the same bill."""
    document = json.loads((GOLDEN / f"{name}.json").read_text())
    document["data"] |= changed
    return decode(json.dumps(document).encode()).data


def folded(*facts: BillFact) -> Billed:
    billed = Billed()
    for fact in facts:
        billed.evolve(fact)
    return billed


def test_a_pending_bill_bills_nothing_and_moves() -> None:
    billed = folded(golden("BillOpened"), golden("BillMoved"))
    [pending] = billed.pending.values()
    assert (pending.bill_date, pending.due_date) == (date(2026, 3, 1), date(2026, 3, 15))
    assert billed.pending_of(pending.account_id) == {pending.currency: pending} and not billed.pending_of("another")
    assert not billed.by_key and not billed.latest and not billed.bills
    assert billed.versions == {pending.bill_id: 2}


@pytest.mark.parametrize("end", ["BillDropped", "BillIssued"])
def test_a_bill_that_is_dropped_or_issued_is_not_pending(end: str) -> None:
    assert not folded(golden("BillOpened"), golden("MemoAdded"), golden(end)).pending


def test_lines_that_come_before_their_bill_are_billed_with_it_and_are_no_version_of_it() -> None:
    opened, part, last = golden("BillOpened"), golden("BillLinesIssued"), golden("BillIssued.divided")
    half = folded(opened, part)
    assert half == folded(opened) and [*half.pending] == [opened.bill_id]
    assert folded(opened, part, last) == folded(opened, golden("BillIssued"))
    assert folded(part, last).versions == {opened.bill_id: 1}


def test_what_accounts_that_are_gone_were_billed_is_told() -> None:
    used = json.loads((GOLDEN / "BillIssued.json").read_text())["data"]["lines"][0]
    child: dict[str, Any] = {"billId": "b" * 36, "accountId": "c" * 36, "lines": [used | {"amount": "3.25"}]}
    root = golden("BillIssued", lines=[used])
    billed = folded(root, golden("BillIssued", **child))
    assert billed.charged_beside(()) == Decimal("15.75")
    assert billed.charged_beside({root.account_id}) == Decimal("3.25")
    assert billed.charged_beside({root.account_id, child["accountId"]}) == 0
    assert folded(root, golden("BillVoided")).charged_beside(()) == 0


def test_memos_become_lines_that_no_later_bill_corrects() -> None:
    billed = folded(golden("BillOpened"), golden("MemoAdded"))
    [pending] = billed.pending.values()
    [line] = memo_lines(pending, "Europe/Berlin")
    assert (line.type, line.amount, line.id) == ("CREDIT_MEMO", Decimal("-12.50"), golden("MemoAdded").memo_id)
    assert (line.key.start, line.wording["period_end"]) == (date(2026, 1, 1), date(2026, 2, 1))
    changed = folded(golden("BillOpened"), golden("MemoAdded"), golden("MemoChanged"))
    assert [line.amount for line in memo_lines(next(iter(changed.pending.values())), "UTC")] == [Decimal("12.50")]
    bill = golden("BillIssued")
    with_memo = bill.model_copy(update={"lines": (*bill.lines, replace(line, number=9).line(line.id or ""))})
    assert folded(with_memo).by_key == folded(bill).by_key
    removed = folded(golden("BillOpened"), golden("MemoAdded"), golden("MemoRemoved"))
    assert not next(iter(removed.pending.values())).memos


def test_two_memos_of_one_product_and_period_are_two_lines() -> None:
    first, second = golden("MemoAdded"), golden("MemoAdded", memoId="6b2e4d8f-0000-5f0e-9d0c-0f6c1d2e3f40")
    [pending] = folded(golden("BillOpened"), first, second).pending.values()
    lines = memo_lines(pending, "UTC")
    assert len({line.key for line in lines}) == 2


def test_a_bill_of_memos_alone_is_not_ad_hoc() -> None:
    player = MemoryPlayer()
    player.configure({})
    player.create(
        WrittenEntity("account", "acme", 1, {"code": "acme", "name": "Acme", "emailAddress": "a@example.com"})
    )
    root = id_of("account", "acme")
    family = player.family(root)
    for name in ("BillOpened", "MemoAdded"):
        family.billed.evolve(golden(name, accountId=root, rootId=root))
    [draft] = draft_bills(family, date=date(2026, 2, 1))
    assert [line.type for line in draft.lines] == ["CREDIT_MEMO"]
    assert (draft.frequency, draft.interval) == ("MIXED", None)


def test_a_life_tells_what_a_bill_may_still_become() -> None:
    opened: BillOpened = golden("BillOpened")
    life = BillLife("org", opened.bill_id, opened.account_id, opened.root_id, 0)
    moment = decode((GOLDEN / "BillOpened.json").read_bytes()).time
    seen = []
    for name in ("BillOpened", "MemoAdded", "BillMoved", "BillIssued", "BillLocked"):
        life.evolve(golden(name), moment, None)
        seen.append((life.pending is not None, life.issued is not None, life.locked_at is not None))
    assert seen == [(True, False, False)] * 3 + [(False, True, False), (False, True, True)]
    assert (life.version, list(life.memos)) == (5, [golden("MemoAdded").memo_id])
    life.evolve(golden("BillVoided"), moment, None)
    assert life.gone


def test_without_a_configuration_there_is_no_grace_period() -> None:
    assert not Resources("org").grace_period


def test_facts_of_a_bill_share_their_place() -> None:
    for kind in (BillOpened, BillMoved, BillDropped, MemoAdded, BillLinesIssued, BillIssued, BillVoided):
        assert issubclass(kind, BillFact) and list(kind.model_fields)[:3] == ["bill_id", "account_id", "root_id"]
