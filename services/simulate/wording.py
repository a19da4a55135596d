"""Bills and commitments of the product in a scenario's words: codes in place of ids, and remarks on fee schedules."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from events.decimals import normal, plain
from events.resources.commitments import Commitment
from projections.aggregates import segment_text, segment_values
from projections.entities import CommitmentEntity
from projections.readmodels.settled_rows import balance_row
from projections.resources import Resources
from projections.settlement import AgreementState, DraftBill, DraftLine
from services.api.funds import added_to, standing_of
from services.run.printing import charges_by_pricing
from services.simulate.player import PlayedBill, PlayedLine, PlayedUnpriced

#: A new value for one of these fields gives the fee schedule new terms.
TERMS = ("amount", "amountPrePaid", "feeDates", "currency")


def played_bill(codes: Mapping[str, str], draft: DraftBill) -> PlayedBill:
    """A draft as a scenario shows it. `codes`: of everything that was ever created, by id."""
    charges = charges_by_pricing(
        (line.type, line.wording.get("pricing_id"), line.wording.get("description", "")) for line in draft.lines
    )
    return PlayedBill(
        codes[draft.account_id],
        draft.total,
        draft.currency,
        draft.bill_date,
        tuple(_line(codes, draft, line, charges) for line in draft.lines),
    )


def _line(codes: Mapping[str, str], draft: DraftBill, line: DraftLine, charges: Mapping[str, str]) -> PlayedLine:
    wording = line.wording
    owner = wording["account_id"]
    return PlayedLine(
        type=line.type,
        amount=line.amount,
        quantity=line.quantity,
        period=(wording["period_start"], wording["period_end"]),
        description=wording.get("description", ""),
        true_up=wording.get("true_up", False),
        product=codes.get(wording.get("product_id") or ""),
        commitment=codes.get(wording.get("commitment_id") or ""),
        balance=codes.get(wording.get("balance_id") or ""),
        segment=segment_values(wording.get("segment") or "") or None,
        child_account=None if owner == draft.account_id else codes[owner],
        charge=charges.get(wording.get("pricing_id") or ""),
        charge_type=wording.get("charge_type"),
    )


def played_unpriced(document: Mapping[str, Any], account: str, codes: Mapping[str, str]) -> PlayedUnpriced:
    """A member of the API's `unpriced`, in a scenario's words."""
    return PlayedUnpriced(
        account,
        codes.get(document["aggregationId"], document["aggregationId"]),
        segment_text(document.get("segment") or {}),
        Decimal(document.get("quantity", 0)),
        (date.fromisoformat(document["from"]), date.fromisoformat(document["to"])),
    )


def state_document(
    resources: Resources, entity: CommitmentEntity, state: AgreementState, today: date
) -> dict[str, Any]:
    """A commitment in the API's field names: its body and its derived fields."""
    body = entity.body.model_dump(by_alias=True, exclude_unset=True)
    root_id = resources.accounts[entity.body.account_id].root_id
    row = balance_row(entity, state, resources.organization, root_id, today)
    return body | {"version": entity.version, **added_to(entity), **standing_of(row._asdict())}


def schedule_notes(commitment: str, body: Commitment) -> list[str]:
    """A remark on a commitment whose fee dates do not bill exactly its outstanding amount; `commitment`: its name."""
    rest = body.unscheduled
    if not rest:
        return []
    what = f"{_spelt(rest)} is on no date" if rest > 0 else f"{_spelt(-rest)} more than that"
    money = f"{_spelt(body.outstanding - rest)} of the {_spelt(body.outstanding)} {body.currency}"
    return [f"{commitment}: its feeDates bill {money} outstanding: {what}"]


def _spelt(amount: Decimal) -> str:
    """The amount without trailing zeros, because answers of the API may have other zeros than requests."""
    return plain(normal(amount))
