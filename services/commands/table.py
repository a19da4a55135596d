"""THE table of resources: all that is particular to a kind stands in its row, for `decide`, store and HTTP alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic.alias_generators import to_snake

from events.facts import FACTS
from events.facts.base import Fact
from events.resources.accounts import Account, AccountPlan, Contract
from events.resources.base import Resource
from events.resources.bill_config import BillConfig
from events.resources.catalog import Aggregation, Meter, Plan, PlanTemplate, Pricing, Product
from events.resources.commitments import Commitment
from events.resources.counters import Counter, CounterAdjustment, CounterPricing
from events.resources.credits import Balance
from events.resources.picklists import CreditReason, Currency, DebitReason, TransactionType
from projections.resources import AccountEntity, BalanceEntity, CommitmentEntity, Entity, PlanEntity, Resources
from services.commands import filters as f
from services.commands.filters import Filter

#: Members of every answer that a client may send back in a PUT; they are not read.
ANSWERED = ("id", "version", "dtCreated", "dtLastModified", "createdBy", "lastModifiedBy")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource. Its fact classes are named after it: `CommitmentCreated`, ...Updated, ...Deleted."""

    #: camelCase singular, as streams and messages name it.
    name: str
    #: Last part of its HTTP path.
    path: str
    model: type[Resource]
    #: Attribute of `Resources` that holds it.
    attribute: str
    filters: tuple[Filter, ...]
    #: Combinations of fields that no two resources of the kind share in an organization (when all are given).
    unique: tuple[tuple[str, ...], ...] = (("code",),)
    #: Whose log it lies in: its own (an account's), that of its `accountId`, or the catalog's only.
    owner: Literal["self", "accountId", "catalog"] = "catalog"
    #: Fields that keep the value they were created with.
    fixed: tuple[str, ...] = ()
    #: Lists of references, beside `model.references`: field -> kind.
    reference_lists: tuple[tuple[str, str], ...] = ()
    #: Fields that a search may name; a kind without any has no search.
    searched: tuple[str, ...] = ()
    #: Most resources on a page of the list, as m3ter has it.
    page_size_max: int = 100
    #: Whether a list may be asked for oldest first.
    sorts: bool = False
    #: What answers show beside the body and ANSWERED; a client may send it back, and it is not read.
    derived: tuple[str, ...] = ()
    #: Whether an organization has one at most, which has paths of its own.
    single: bool = False
    entity: type[Entity[Any]] = Entity

    def fact(self, ending: Literal["Created", "Updated", "Deleted"]) -> Callable[..., Fact]:
        """The fact class with this ending."""
        return FACTS[self.model.__name__ + ending]

    def held(self, resources: Resources) -> dict[str, Entity[Any]]:
        """The resources of this kind, by id."""
        found: dict[str, Entity[Any]] = getattr(resources, self.attribute)
        return found

    def references(self, body: Resource) -> Iterator[tuple[str, str, str]]:
        """Every reference in the body: its field, the kind and the id that it names."""
        for field, kind in self.model.references.items():
            if id := value_of(body, field):
                yield field, kind, id
        for field, kind in self.reference_lists:
            for number, id in enumerate(value_of(body, field) or ()):
                yield f"{field}[{number}]", kind, id


def value_of(body: Resource, field: str) -> Any:
    """The value of a field by its name on the wire."""
    return getattr(body, to_snake(field))


_TERM_ENDS = (f.by_day("endDateStart", "endDate", ">="), f.by_day("endDateEnd", "endDate", "<"))
_COMMITMENT_ENDS = (
    f.by_day("endDateStart", "endDate", ">=", needs="accountId"),
    f.by_day("endDateEnd", "endDate", "<", needs="accountId"),
)
_PLAN_OR_TEMPLATE = (f.equals("planId"), f.equals("planTemplateId"))
_SPENT = ("amountSpent", "amountRolledOver", "amountLapsed", "status")
_PRODUCTS = (("productIds", "product"),)
_PICKED = (f.IDS, f.CODES, f.ARCHIVED)
_SEARCHED = ("id", "ids", "createdBy", "dtCreated", "lastModifiedBy")

_ROWS = (
    Kind("product", "products", Product, "products", (f.IDS, f.CODES), page_size_max=200),
    Kind("meter", "meters", Meter, "meters", (f.IDS, f.CODES, f.one_of("productId"))),
    Kind("aggregation", "aggregations", Aggregation, "aggregations", (f.IDS, f.CODES, f.PRODUCTS_OF_METER)),
    Kind(
        "planTemplate",
        "plantemplates",
        PlanTemplate,
        "plan_templates",
        (f.IDS, f.equals("productId")),
        entity=PlanEntity,
    ),
    Kind("plan", "plans", Plan, "plans", (f.IDS, f.one_of("accountId"), f.PRODUCT_OF_PLAN), entity=PlanEntity),
    Kind("pricing", "pricings", Pricing, "pricings", (f.IDS, f.ACTIVE, f.equals("aggregationId"), *_PLAN_OR_TEMPLATE)),
    Kind("counter", "counters", Counter, "counters", (f.IDS, f.CODES, f.one_of("productId"))),
    Kind(
        "counterPricing", "counterpricings", CounterPricing, "counter_pricings", (f.IDS, f.ACTIVE, *_PLAN_OR_TEMPLATE)
    ),
    Kind(
        "account",
        "accounts",
        Account,
        "accounts",
        (f.IDS, f.CODES),
        owner="self",
        fixed=("parentAccountId",),
        searched=(
            *("name", "code", "codes", "currency", "purchaseOrderNumber", "parentAccountId", "emailAddress"),
            *_SEARCHED,
        ),
        entity=AccountEntity,
    ),
    Kind(
        "accountPlan",
        "accountplans",
        AccountPlan,
        "account_plans",
        (
            f.IDS,
            f.ACTIVE,
            f.INCLUDE_ALL,
            f.equals("accountId", "account"),
            f.equals("planId", "plan"),
            f.unlinked_or_equals("contractId", "contract"),
            f.PRODUCT_OF_ACCOUNT_PLAN,
        ),
        owner="accountId",
        fixed=("accountId",),
    ),
    Kind(
        "contract",
        "contracts",
        Contract,
        "contracts",
        (f.IDS, f.CODES, f.equals("accountId")),
        owner="accountId",
        fixed=("accountId",),
    ),
    Kind(
        "commitment",
        "commitments",
        Commitment,
        "commitments",
        (
            f.IDS,
            f.ACTIVE,
            f.equals("accountId"),
            f.DRAWS_FOR_PRODUCT,
            f.unlinked_or_equals("contractId"),
            *_COMMITMENT_ENDS,
        ),
        owner="accountId",
        fixed=("accountId",),
        reference_lists=_PRODUCTS,
        searched=("startDate", "endDate", "contractId", "accountId", "productId", "productIds", *_SEARCHED),
        derived=(*_SPENT, "amountRemaining", "amountUnscheduled", "periods", "topUps", "cancellation"),
        entity=CommitmentEntity,
    ),
    Kind(
        "balance",
        "balances",
        Balance,
        "balances",
        (
            f.IDS,
            f.equals("accountId"),
            f.unlinked_or_equals("contractId"),
            f.unlinked_or_equals("contractId", "contract"),
            *_TERM_ENDS,
        ),
        owner="accountId",
        fixed=("accountId",),
        reference_lists=_PRODUCTS,
        derived=(*_SPENT, "amount", "amountRemaining"),
        entity=BalanceEntity,
    ),
    Kind(
        "counterAdjustment",
        "counteradjustments",
        CounterAdjustment,
        "counter_adjustments",
        (
            f.IDS,
            f.equals("accountId"),
            f.equals("counterId"),
            f.by_day("date", "date", "="),
            f.by_day("dateStart", "date", ">="),
            f.by_day("dateEnd", "date", "<"),
            # It has one day only; m3ter's newer names of the same range.
            f.by_day("endDateStart", "date", ">="),
            f.by_day("endDateEnd", "date", "<"),
        ),
        sorts=True,
        unique=(("accountId", "counterId", "date"),),
        owner="accountId",
        fixed=("accountId",),
    ),
    Kind("currency", "picklists/currency", Currency, "currencies", _PICKED),
    Kind("creditReason", "picklists/creditreasons", CreditReason, "credit_reasons", _PICKED),
    Kind("debitReason", "picklists/debitreasons", DebitReason, "debit_reasons", _PICKED),
    Kind("transactionType", "picklists/transactiontypes", TransactionType, "transaction_types", _PICKED),
    Kind("billConfig", "billconfig", BillConfig, "bill_configs", (), unique=(), single=True),
)

KINDS: dict[str, Kind] = {row.name: row for row in _ROWS}


def kind_of(fact: Fact) -> Kind | None:
    """The kind that a fact about a resource is about; None for the organization's own facts, usage and bills."""
    name = type(fact).__name__
    for ending in ("Created", "Updated", "Deleted"):
        if name.endswith(ending):
            return _BY_MODEL.get(name.removesuffix(ending))
    return _OTHER_FACTS.get(name)


_BY_MODEL = {row.model.__name__: row for row in _ROWS}
_OTHER_FACTS = {
    "CommitmentToppedUp": KINDS["commitment"],
    "CommitmentCancelled": KINDS["commitment"],
    "BalanceTransacted": KINDS["balance"],
}
