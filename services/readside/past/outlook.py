"""What is to be expected of a commitment or balance, on two axes: as of a service day, as known at a moment.

Its burn-down, or, of a MINIMUM, the progress of a commitment period; each with forecasts (rules 11).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from pydantic.alias_generators import to_camel

from projections.calendar import ONE_DAY, local_day
from projections.entities import Fund
from projections.outlook import BurnDown, burn_down, progress
from projections.settlement import AgreementState, Settlement
from projections.settlement.states_by_day import state_of
from services.commands.errors import InvalidField, UnknownResource
from services.commands.table import KINDS
from services.concurrency import compute
from services.kafka import Cluster
from services.postgres import Postgres
from services.readside.past.known import KnownFamily, load_known
from services.readside.progress import Waiter

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OutlookAsked:
    """Of what, as of when (None: today, with all that has arrived), as known when (None: now).

    `amended` are the moments at which its terms were changed, `days` how many days a burn-down lists at most.
    """

    organization: str
    kind: Literal["commitment", "balance"]
    id: str
    as_of: date | None
    known_at: datetime | None
    amended: Sequence[datetime] = ()
    days: int = 400


async def burn_down_document(postgres: Postgres, cluster: Cluster, waiter: Waiter, asked: OutlookAsked) -> Document:
    """What was added, drawn and left by day, marks and forecasts. Raises: UnknownResource, InvalidField."""
    return await _document(postgres, cluster, waiter, asked, _burn_down)


async def progress_document(postgres: Postgres, cluster: Cluster, waiter: Waiter, asked: OutlookAsked) -> Document:
    """What has counted toward a commitment period by day, and forecasts. Raises: UnknownResource, InvalidField."""
    return await _document(postgres, cluster, waiter, asked, _progress)


class _Known(NamedTuple):
    """The family with its settlement as of the day that is asked for, and what is asked about in it."""

    family: KnownFamily
    settlement: Settlement
    state: AgreementState
    entity: Fund
    #: The last day that is over.
    over: date


async def _document(
    postgres: Postgres,
    cluster: Cluster,
    waiter: Waiter,
    asked: OutlookAsked,
    part: Callable[[_Known, OutlookAsked], Document],
) -> Document:
    family = await load_known(postgres, cluster, waiter, asked.organization, asked.kind, asked.id, asked.known_at)
    family.check(asked.as_of)
    # A long term is settled once per day that changes it.
    return await compute(asked.organization, _made, family, asked, part)


def _made(family: KnownFamily, asked: OutlookAsked, part: Callable[[_Known, OutlookAsked], Document]) -> Document:
    entity: Any = KINDS[asked.kind].held(family.resources).get(asked.id)
    settlement = family.settled(asked.as_of)
    state = state_of(settlement, asked.id)
    if entity is None or state is None:
        raise UnknownResource(kind=asked.kind, id=asked.id)
    over = (family.today if asked.as_of else settlement.through) - ONE_DAY
    document: Document = {
        "id": asked.id,
        "kind": state.kind,
        "accountId": entity.body.account_id,
        "currency": entity.body.currency,
        "asOf": settlement.through,
        "knownAt": asked.known_at,
        "positions": family.positions.model_dump(),
        "version": entity.version,
        "status": state.status,
        **part(_Known(family, settlement, state, entity, over), asked),
    }
    return {name: value for name, value in document.items() if value is not None}


def _burn_down(known: _Known, asked: OutlookAsked) -> Document:
    family, state = known.family, known.state
    if state.kind == "MINIMUM":
        raise InvalidField(field="id", rule="must be that of a prepayment: a MINIMUM has its progress")
    zone = family.resources.accounts[known.entity.body.account_id].timezone
    amended = [
        local_day(moment, zone) for moment in asked.amended if asked.known_at is None or moment <= asked.known_at
    ]
    shown = burn_down(family.family, asked.id, known.settlement, known.over, amended, asked.days)
    return {
        "amount": state.amount,
        "topUps": state.top_ups,
        "spent": state.amount_spent,
        "remaining": state.amount_remaining,
        "rolledOver": state.amount_rolled_over,
        "lapsed": state.amount_lapsed,
        "until": shown.until,
        "usedUpSince": shown.used_up_since,
        "products": list(_products(known, shown)),
        "earlierDays": shown.earlier,
        "days": _listed(shown.days),
        "marks": _listed(shown.marks),
        "forecasts": _listed(shown.forecasts),
    }


def _products(known: _Known, shown: BurnDown) -> Iterator[Document]:
    """Those that drew on a day that is listed, by code."""
    ids = {part.product_id for day in shown.days for part in day.products}
    products = known.family.resources.products
    for product in sorted(
        (products[id] for id in ids if id in products), key=lambda product: (product.body.code, product.id)
    ):
        yield {"id": product.id, "code": product.body.code, "name": product.body.name}


def _progress(known: _Known, asked: OutlookAsked) -> Document:
    if known.state.kind != "MINIMUM":
        raise InvalidField(field="id", rule="must be that of a MINIMUM: a prepayment has its burn-down")
    shown = progress(known.family.family, asked.id, known.settlement, known.over)
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
    """Named tuples as objects by the wire's names; what is None is absent."""
    return [_object(value) for value in values]


def _object(value: Any) -> Document:
    members = {to_camel(name): _member(member) for name, member in value._asdict().items()}
    return {name: member for name, member in members.items() if member is not None}


def _member(value: Any) -> Any:
    if isinstance(value, tuple):
        return _listed(value)
    return value
