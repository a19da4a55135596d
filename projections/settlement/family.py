"""A family: one root account with its children, and the terms that apply to it (rules 1.1, 4.1, 4.5, 7.5).

A family is assembled from the catalog, its own resources, its usage totals and its bills.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from projections.aggregates import Totals, TotalsKey
from projections.calendar import named_days
from projections.entities import AccountEntity
from projections.rating.charges import Charge
from projections.rating.counters import counter_charges
from projections.rating.index import FamilyIndex, index_families
from projections.rating.one_off import ScheduledFees, one_off_charges, scheduled_fees
from projections.rating.plans import compile_plans
from projections.rating.recurring import minimum_spends, standing_charge
from projections.rating.terms import AccountTerms, PlanTerms, Reader, Readers
from projections.rating.usage_charges import Cuts, cuts_of
from projections.resources import Resources
from projections.settlement.agreements import Drawer, Fund, Window, draw_order
from projections.settlement.billed import Billed
from projections.settlement.compiled_agreements import Prepayment, compile_balances, compile_commitments
from projections.settlement.minimums import Minimum


@dataclass(frozen=True, slots=True, eq=False)
class FamilyTerms:
    """All terms of a family, valid until a fact about a resource of the family or the catalog arrives.

    `accounts` are by id; `plans` oldest first; `one_offs` the charges that come from no plan, `scheduled` the recurring
    ones; `funds` the prepayments and balances that may be drawn; `cuts` the days on which slices start (rules 4.1).
    """

    root_id: str
    accounts: Mapping[str, AccountTerms]
    plans: tuple[PlanTerms, ...]
    one_offs: tuple[Charge, ...]
    scheduled: tuple[ScheduledFees, ...]
    readers: Readers
    prepayments: tuple[Prepayment, ...]
    funds: tuple[Fund, ...]
    minimums: tuple[Minimum, ...]
    cuts: Cuts
    #: Caches of values that depend on the terms alone: standing charges and counters by (plan, period number), minimum
    #: spends of unused periods by the same and whether the period is over, draw orders, and the totals that affect
    #: charges only.
    fixed: dict[tuple[PlanTerms, int], tuple[Charge, ...]] = field(default_factory=dict)
    unused: dict[tuple[PlanTerms, int, bool], tuple[Charge, ...]] = field(default_factory=dict)
    orders: dict[Drawer, Sequence[Window]] = field(default_factory=dict)
    plain: dict[TotalsKey, bool] = field(default_factory=dict)

    def fixed_charges(self, plan: PlanTerms, number: int) -> tuple[Charge, ...]:
        """Standing charge and counters of a billing period, which depend on the terms alone."""
        charges = self.fixed.get((plan, number))
        if charges is None:
            charges = self.fixed[plan, number] = (*standing_charge(plan, number), *counter_charges(plan, number))
        return charges

    def unused_minimums(self, plan: PlanTerms, number: int, through: date) -> tuple[Charge, ...]:
        """Minimum spends of a billing period without usage, as of the day."""
        key = plan, number, plan.period(number).end <= through
        charges = self.unused.get(key)
        if charges is None:
            charges = self.unused[key] = tuple(minimum_spends(plan, number, (), through))
        return charges

    def one_offs_due(self, through: date) -> list[Charge]:
        """The charges that come from no plan and are due by the day."""
        due = [charge for charge in self.one_offs if charge.due <= through]
        for fees in self.scheduled:
            due += fees.due(through)
        return due

    def only_charges(self, key: TotalsKey) -> bool:
        """Whether usage of this total changes the charges of its billing period and nothing else: it is no credit, its
        tiers do not span the plan, and no minimum spend counts it.
        """
        is_plain = self.plain.get(key)
        if is_plain is None:
            is_plain = self.plain[key] = all(self._is_plain(reader) for reader in self.readers.get(key, ()))
        return is_plain

    def _is_plain(self, reader: Reader) -> bool:
        series = reader.series
        counts = any(plan.has_minimum and reader.plan in plan.minimum_counts for plan in self.plans)
        return not series.is_credit and not counts and not any(span.pricing.span for span in series.spans)

    def order(self, drawer: Drawer) -> Sequence[Window]:
        """The windows in the draw order of charges like this one, by the days on which they open."""
        order = self.orders.get(drawer)
        if order is None:
            windows = draw_order(self.funds, self.accounts[drawer.account_id], drawer)
            order = self.orders[drawer] = sorted(windows, key=_opens)
        return order


def _opens(window: Window) -> date:
    return window.start


@dataclass(frozen=True, slots=True)
class Family:
    """The input of a settlement: terms, quantities by day, and the amounts that earlier bills charged."""

    terms: FamilyTerms
    totals: Totals
    billed: Billed

    @property
    def root_id(self) -> str:
        """Id of the account at the top of the family, by which the family is found."""
        return self.terms.root_id


def compile_terms(resources: Resources, root_id: str, index: FamilyIndex | None = None) -> FamilyTerms:
    """Compile the terms of a root account and its children.

    To compile many families of one organization, pass one index for all of them. The terms of a deleted root are None:
    nothing is due any more.
    """
    index = index or index_families(resources)
    accounts = {account.id: account for account in _accounts(resources, index, root_id)}
    plans = tuple(
        plan
        for account in accounts.values()
        for plan in compile_plans(resources, index, account, _members(accounts, account))
    )
    prepayments, minimums = compile_commitments(resources, index, accounts)
    balances = compile_balances(resources, index, accounts)
    funds = (*(prepayment.fund for prepayment in prepayments), *balances)
    return FamilyTerms(
        root_id=root_id,
        accounts=accounts,
        plans=plans,
        one_offs=tuple(
            charge for account in accounts.values() for charge in one_off_charges(resources, index, account)
        ),
        scheduled=tuple(fees for account in accounts.values() for fees in scheduled_fees(resources, index, account)),
        readers=_readers(plans),
        prepayments=prepayments,
        funds=funds,
        minimums=minimums,
        cuts=cuts_of(
            (day for fund in funds for day in (*fund.edges, *fund.paid_in.named)),
            (series.days for fund in funds for series in fund.paid_in.top_ups),
        ),
    )


def _accounts(resources: Resources, index: FamilyIndex, root_id: str) -> list[AccountTerms]:
    """The root first, then its children by code."""
    accounts = [resources.accounts[id] for id in index.ids("accounts", root_id) if id in resources.accounts]
    ordered = sorted(accounts, key=lambda account: (account.id != root_id, account.body.code, account.id))
    return [_account(resources, index, entity, in_hierarchy=len(ordered) > 1) for entity in ordered]


def _account(resources: Resources, index: FamilyIndex, entity: AccountEntity, in_hierarchy: bool) -> AccountTerms:
    config = resources.configured
    order = entity.body.credit_application_order or (config.credit_application_order if config else None)
    terms = (
        named_days(plan.body.start_date, plan.body.end_date, entity.timezone)
        for plan in index.owned(resources, "account_plans", "account_id", entity.id)
    )
    own = [start for start, end in terms if end is None or start < end]
    return AccountTerms(
        id=entity.id,
        code=entity.body.code,
        root_id=entity.root_id,
        zone=entity.timezone,
        days_before_due=entity.body.days_before_bill_due or (config.days_before_bill_due if config else 1),
        invoiced_before=config.invoiced_before if config else timedelta(0),
        credit_order=("PREPAYMENT", "BALANCE") if in_hierarchy or not order else order,
        pooled_until=min(own) if own and entity.id != entity.root_id else None,
    )


def _members(accounts: Mapping[str, AccountTerms], account: AccountTerms) -> tuple[AccountTerms, ...]:
    """The accounts whose usage the account's plans rate, by code: the account itself, and the children of a root while
    they are pooled.
    """
    members = (account,) if account.is_child else tuple(accounts.values())
    return tuple(sorted(members, key=lambda member: (member.code, member.id)))


def _readers(plans: Sequence[PlanTerms]) -> Readers:
    readers: dict[TotalsKey, list[Reader]] = {}
    every = [(plan, series) for plan in plans for series in plan.series]
    for number, (plan, series) in enumerate(every):
        for member in plan.members:
            for key in series.keys(member.id):
                readers.setdefault(key, []).append(Reader(plan, series, number))
    return {key: tuple(of_total) for key, of_total in readers.items()}


class _BothIndexes(FamilyIndex):
    """The index of the family's own resources joined with the catalog's; no kind of resource is in both."""

    def __init__(self, own: FamilyIndex, catalog: FamilyIndex) -> None:
        super().__init__(prices=catalog.prices, compiled=catalog.compiled)
        self._own, self._catalog = own, catalog

    def ids(self, kind: str, owner: str) -> Iterable[str]:
        return self._own.ids(kind, owner) or self._catalog.ids(kind, owner)


def terms_of(resources: Resources, root_id: str, own: Resources, catalog_index: FamilyIndex) -> FamilyTerms:
    """Compile the terms of a family without reading the rest of its organization.

    `resources` are those of catalog and family `together`, `own` only those of the family.
    """
    return compile_terms(resources, root_id, _BothIndexes(index_families(own), catalog_index))


def assemble(
    resources: Resources, root_id: str, own: Resources, catalog_index: FamilyIndex, totals: Totals, billed: Billed
) -> Family:
    """The family with these quantities and bills, under terms compiled from its catalog and its own resources."""
    return family_under(terms_of(resources, root_id, own, catalog_index), totals, billed)


def family_under(terms: FamilyTerms, totals: Totals, billed: Billed) -> Family:
    """The family with these quantities and bills, under compiled terms; quantities of foreign accounts are dropped.

    Callers that settle a family many times keep its terms; callers that settle it once use `assemble`.
    """
    return Family(terms, totals, billed)
