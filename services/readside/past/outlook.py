"""The outlook of a commitment or balance on two axes: as of a service day, as known at a moment.

A fund has a burn-down, a MINIMUM the progress of a commitment period; each with forecasts (rules 11).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from pydantic.alias_generators import to_camel

from events.absent import only_given
from projections.calendar import ONE_DAY, local_day
from projections.entities import FundEntity
from projections.outlook import BurnDown, burn_down, progress
from projections.settlement import AgreementState, Settlement
from projections.settlement.states_by_day import state_of
from services.commands.refused import InvalidField, UnknownResource
from services.commands.table import KINDS
from services.concurrency import compute
from services.kafka import Cluster
from services.postgres import Postgres
from services.readside.past.known_family import KnownFamily, load_known
from services.readside.waiter import Waiter

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OutlookAsked:
    """A query for an outlook: of what, as of which day (None: today, with all arrived usage), as known when (None:
    now).

    `amended` are the moments at which its terms changed, `days` how many days a burn-down lists at most.
    """

    organization: str
    kind: Literal["commitment", "balance"]
    id: str
    as_of: date | None
    known_at: datetime | None
    amended: Sequence[datetime] = ()
    days: int = 400


async def burn_down_document(postgres: Postgres, cluster: Cluster, waiter: Waiter, question: OutlookAsked) -> Document:
    """The amounts added, drawn and left by day, with marks and forecasts. Raises: UnknownResource, InvalidField."""
    return await _document(postgres, cluster, waiter, question, _burn_down)


async def progress_document(postgres: Postgres, cluster: Cluster, waiter: Waiter, question: OutlookAsked) -> Document:
    """The amounts counted toward a commitment period by day, with forecasts. Raises: UnknownResource, InvalidField."""
    return await _document(postgres, cluster, waiter, question, _progress)


class _Known(NamedTuple):
    """The family with its settlement as of the requested day, and the requested agreement in it."""

    family: KnownFamily
    settlement: Settlement
    state: AgreementState
    entity: FundEntity
    #: The last day that is over.
    over: date


async def _document(
    postgres: Postgres,
    cluster: Cluster,
    waiter: Waiter,
    question: OutlookAsked,
    part: Callable[[_Known, OutlookAsked], Document],
) -> Document:
    family = await load_known(
        postgres, cluster, waiter, question.organization, question.kind, question.id, question.known_at
    )
    family.check(question.as_of)
    # A long term is settled once per day that changes it.
    return await compute(question.organization, _made, family, question, part)


def _made(family: KnownFamily, question: OutlookAsked, part: Callable[[_Known, OutlookAsked], Document]) -> Document:
    entity: Any = KINDS[question.kind].held(family.resources).get(question.id)
    settlement = family.settled(question.as_of)
    state = state_of(settlement, question.id)
    if entity is None or state is None:
        raise UnknownResource(kind=question.kind, id=question.id)
    over = (family.today if question.as_of else settlement.through) - ONE_DAY
    document: Document = {
        "id": question.id,
        "kind": state.kind,
        "accountId": entity.body.account_id,
        "currency": entity.body.currency,
        "asOf": settlement.through,
        "knownAt": question.known_at,
        "positions": family.positions.model_dump(),
        "version": entity.version,
        "status": state.status,
        **part(_Known(family, settlement, state, entity, over), question),
    }
    return only_given(document)


def _burn_down(stand: _Known, question: OutlookAsked) -> Document:
    family, state = stand.family, stand.state
    if state.kind == "MINIMUM":
        raise InvalidField(field="id", rule="must be that of a prepayment: a MINIMUM has its progress")
    zone = family.resources.accounts[stand.entity.body.account_id].timezone
    amended = [
        local_day(moment, zone)
        for moment in question.amended
        if question.known_at is None or moment <= question.known_at
    ]
    shown = burn_down(family.family, question.id, stand.settlement, stand.over, amended, question.days)
    return {
        "amount": state.amount,
        "topUps": state.top_ups,
        "spent": state.amount_spent,
        "remaining": state.amount_remaining,
        "rolledOver": state.amount_rolled_over,
        "lapsed": state.amount_lapsed,
        "until": shown.until,
        "usedUpSince": shown.used_up_since,
        "products": list(_products(stand, shown)),
        "earlierDays": shown.earlier,
        "days": _listed(shown.days),
        "marks": _listed(shown.marks),
        "forecasts": _listed(shown.forecasts),
    }


def _products(stand: _Known, shown: BurnDown) -> Iterator[Document]:
    """The products that drew on a listed day, by code."""
    ids = {part.product_id for day in shown.days for part in day.products}
    products = stand.family.resources.products
    for product in sorted(
        (products[id] for id in ids if id in products), key=lambda product: (product.body.code, product.id)
    ):
        yield {"id": product.id, "code": product.body.code, "name": product.body.name}


def _progress(stand: _Known, question: OutlookAsked) -> Document:
    if stand.state.kind != "MINIMUM":
        raise InvalidField(field="id", rule="must be that of a MINIMUM: a prepayment has its burn-down")
    shown = progress(stand.family.family, question.id, stand.settlement, stand.over)
    if shown is None:
        return {"days": [], "forecasts": []}
    period = {
        "startDate": shown.start,
        "endDate": shown.end,
        "amount": shown.owed,
        "counted": shown.counted,
        "shortfall": shown.shortfall,
        "trueUp": shown.true_up,
        "state": shown.state,
    }
    return {"period": period, "days": _listed(shown.days), "forecasts": _listed(shown.forecasts)}


def _listed(values: Sequence[Any]) -> list[Document]:
    """Named tuples as objects by the wire's names, without members that are None."""
    return [_object(value) for value in values]


def _object(value: Any) -> Document:
    members = {to_camel(name): _member(member) for name, member in value._asdict().items()}
    return only_given(members)


def _member(value: Any) -> Any:
    if isinstance(value, tuple):
        return _listed(value)
    return value
