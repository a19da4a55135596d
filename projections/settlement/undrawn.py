"""A commitment or balance as it was made: before anything is drawn on it or counts toward it (rules 10.2, 10.3)."""

from dataclasses import replace
from datetime import date

from projections.entities import BalanceEntity, CommitmentEntity
from projections.resources import Resources
from projections.settlement.billed import Billed
from projections.settlement.family import Family, compile_terms
from projections.settlement.settle import settle
from projections.settlement.states import AgreementState


def undrawn(resources: Resources, entity: CommitmentEntity | BalanceEntity, through: date) -> AgreementState:
    """Its state on a day, by the settlement of it alone: the cost is the same however many stand beside it.

    `resources` hold the configuration and its account.
    """
    account = resources.accounts[entity.body.account_id]
    alone = Resources(
        resources.organization,
        config=resources.config,
        clock=resources.clock,
        # A child's terms of draw-down are its parent's; of what is not drawn yet they change nothing.
        accounts={account.id: replace(account, root_id=account.id)},
    )
    held = alone.commitments if isinstance(entity, CommitmentEntity) else alone.balances
    held[entity.id] = entity  # type: ignore[assignment]
    family = Family(compile_terms(alone, account.id), {}, Billed())
    settlement = settle(family, through=through, accrued=True)
    return (settlement.commitments | settlement.balances)[entity.id]
