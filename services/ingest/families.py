"""Who reads an account's totals: the series of its own account plans, and of its parent's while it is pooled."""

from datetime import date

from events.envelope import Envelope
from projections.aggregates import TotalsKey
from projections.calendar import local_day
from projections.rating.index import FamilyIndex, index_families
from projections.rating.plans import compile_plans
from projections.rating.terms import AccountTerms, PlanTerms, Reader
from projections.resources import AccountEntity, Resources


class FamilyReaders:
    """The account plans of one organization, compiled for an account when it is first rated."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._index: FamilyIndex = index_families(resources)
        self._plans: dict[str, tuple[PlanTerms, ...]] = {}

    def evolve(self, envelope: Envelope) -> None:
        """Take in a fact that the resources hold already; whatever was compiled may have changed."""
        self._index.evolve(envelope)
        self._plans.clear()

    def of(self, key: TotalsKey) -> tuple[Reader, ...]:
        """The series that read this total, of plans that rate the account on some day."""
        account_id, aggregation_id, segment = key
        plans = self._plans.get(account_id)
        if plans is None:
            plans = self._plans[account_id] = self._compiled(account_id)
        return tuple(
            Reader(plan, series)
            for plan in plans
            for series in plan.series
            if series.aggregation_id == aggregation_id and series.segment == segment
        )

    def _compiled(self, account_id: str) -> tuple[PlanTerms, ...]:
        entity = self._resources.accounts.get(account_id)
        if entity is None:
            return ()
        own = self._terms(entity)
        plans = tuple(compile_plans(self._resources, self._index, own, (own,)))
        root = self._resources.accounts.get(entity.root_id)
        if not own.is_child or root is None:
            return plans
        parent = self._terms(root)
        return (*plans, *compile_plans(self._resources, self._index, parent, (parent, own)))

    def _terms(self, entity: AccountEntity) -> AccountTerms:
        """What rating needs of an account; nothing here is drawn or billed."""
        return AccountTerms(
            id=entity.id,
            code=entity.body.code,
            root_id=entity.root_id,
            zone=entity.timezone,
            days_before_due=1,
            credit_order=(),
            pooled_until=self._first_plan_day(entity),
        )

    def _first_plan_day(self, entity: AccountEntity) -> date | None:
        own = self._index.owned(self._resources, "account_plans", "account_id", entity.id)
        return min((local_day(one.body.start_date, entity.timezone) for one in own), default=None)
