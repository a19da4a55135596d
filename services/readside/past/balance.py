"""A commitment's balance on two axes: as of a service day, as known at a moment of log time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from events.absent import only_given
from projections.explain.parts import charge_document
from projections.settlement import Draw, Settlement
from projections.settlement.states_by_day import BurnDay, burn_down, state_of
from services.commands.refused import UnknownResource
from services.concurrency import compute
from services.kafka import Cluster
from services.postgres import Postgres
from services.readside.past.known_family import KnownFamily, load_known
from services.readside.waiter import Waiter

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BalanceAsked:
    """A query for a balance: whose, as of which day (None: today, with all arrived usage), as known when (None:
    now).
    """

    organization: str
    commitment_id: str
    as_of: date | None
    known_at: datetime | None


async def balance_document(postgres: Postgres, cluster: Cluster, waiter: Waiter, question: BalanceAsked) -> Document:
    """Spent, remaining, the burn-down, draws by charge with the order used. Raises: UnknownResource, InvalidField."""
    id, at = question.commitment_id, question.known_at
    family = await load_known(postgres, cluster, waiter, question.organization, "commitment", id, at)
    family.check(question.as_of)
    # A long term is settled once per day that changes it.
    return await compute(question.organization, _document, family, question)


def _document(family: KnownFamily, question: BalanceAsked) -> Document:
    settlement = family.settled(question.as_of)
    id = question.commitment_id
    state = state_of(settlement, id)
    if state is None:
        raise UnknownResource(kind="commitment", id=id)
    entity = family.resources.commitments.get(id) or family.resources.balances[id]
    days = burn_down(family.family, id, settlement)
    minimum = state.kind == "MINIMUM"
    document: Document = {
        "commitmentId": id,
        "accountId": entity.body.account_id,
        "currency": entity.body.currency,
        "asOf": settlement.through,
        "knownAt": question.known_at,
        "positions": family.positions.model_dump(),
        "version": entity.version,
        "status": state.status,
        "amount": state.amount,
        "topUps": state.top_ups,
        "spent": state.amount_spent,
        "remaining": state.amount_remaining,
        "rolledOver": None if minimum else state.amount_rolled_over,
        "lapsed": None if minimum else state.amount_lapsed,
        "days": [_day(entry, minimum=minimum) for entry in days],
        "draws": list(_draws(settlement, id)),
    }
    if minimum:
        document["periods"] = [period.document() for period in state.periods]
    return only_given(document)


def _day(entry: BurnDay, *, minimum: bool) -> Document:
    document: Document = {"day": entry.day, "spent": entry.spent, "remaining": entry.remaining}
    if minimum:
        return document | {"counted": entry.counted}
    return document | {"rolledOver": entry.rolled_over, "lapsed": entry.lapsed}


def _draws(settlement: Settlement, id: str) -> Iterator[Document]:
    """Draws by charge, in their order: the amount of each slice, and the order of funds for the charge."""
    by_charge: dict[Any, list[Draw]] = {}
    for draw in settlement.draws:
        if draw.agreement_id == id:
            by_charge.setdefault(draw.charge, []).append(draw)
    for key, draws in by_charge.items():
        considered = settlement.considered(key, draws[0].slice_start)
        yield {
            "charge": charge_document(settlement.charges[key]),
            "amount": sum(draw.amount for draw in draws),
            "slices": [
                {
                    "start": draw.slice_start,
                    "amount": draw.amount,
                    "place": draw.place,
                    "rolledOver": draw.rolled_over,
                }
                for draw in draws
            ],
            "order": [{"id": fund.agreement_id, "place": fund.place} for fund in considered if fund.place is not None],
        }
