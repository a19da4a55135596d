"""What became of the credit on a balance: m3ter's summary of its transactions."""

from decimal import Decimal, localcontext
from typing import Any

from starlette.responses import Response

from events.decimals import EXACT, plain
from projections.entities import BalanceEntity
from projections.settlement import Settlement, settle
from services.api.answers import BalanceSummary
from services.api.calls import Call, Caller, organization_router
from services.api.family import family_of
from services.api.resources import existing
from services.api.wire import answer
from services.commands.errors import UnknownResource
from services.commands.table import KINDS
from services.concurrency import compute
from services.readside.family_now import LoadedFamily

router = organization_router("balances")


@router.get("/balances/{id}/transactions/summary", response_model=BalanceSummary)
async def summary(call: Caller, id: str) -> Response:
    """Credits and debits by transaction, what was drawn in and after the term, and what lapsed.

    All of it comes from one settlement, of all usage that has arrived, as the balance's own derived fields do.
    """
    loaded = await family_of(call, await _account_of(call, id))
    balance = loaded.resources.balances.get(id)
    if balance is None:  # it was deleted meanwhile
        raise UnknownResource(kind="balance", id=id)
    return answer(await compute(loaded.organization, _summary, loaded, balance))


def _summary(loaded: LoadedFamily, balance: BalanceEntity) -> dict[str, Any]:
    through = loaded.family.billed.through(loaded.today)
    return summary_document(balance, settle(loaded.family, through=through, accrued=True))


def summary_document(balance: BalanceEntity, settlement: Settlement) -> dict[str, Any]:
    """The summary by m3ter's names; no amount is negative.

    Credits less debits are `balanceConsumed`, `rolloverConsumed`, `expiredBalanceAmount` and what can still be drawn.
    """
    amounts = [fact.amount for fact in balance.transactions]
    draws = [draw for draw in settlement.draws if draw.agreement_id == balance.id]
    state = settlement.balances.get(balance.id)
    with localcontext(EXACT):
        found = {
            "initialCreditAmount": next((amount for amount in amounts if amount > 0), Decimal(0)),
            "totalCreditAmount": sum((amount for amount in amounts if amount > 0), Decimal(0)),
            "totalDebitAmount": -sum((amount for amount in amounts if amount < 0), Decimal(0)),
            "balanceConsumed": sum((draw.amount for draw in draws if not draw.rolled_over), Decimal(0)),
            "expiredBalanceAmount": state.amount_lapsed if state else Decimal(0),
        }
        if balance.body.rollover_end_date is not None:
            found["rolloverConsumed"] = sum((draw.amount for draw in draws if draw.rolled_over), Decimal(0))
    return {name: Decimal(plain(amount)) for name, amount in found.items()}


async def _account_of(call: Call, id: str) -> str:
    """Whose balance it is. Raises: UnknownResource."""
    async with call.reading() as connection:
        balance = await existing(connection, call.organization, KINDS["balance"], id)
    account_id: str = balance.body.account_id
    return account_id
