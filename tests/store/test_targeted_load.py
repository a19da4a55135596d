"""What is loaded for a command is all that deciding it asks for: it decides as with everything in memory."""

from contextlib import suppress
from datetime import date
from random import Random
from typing import Any

import pytest

from events.resources.balances import BalanceTransaction
from projections.resources import Resources
from services.commands.decide import decide
from services.commands.messages import Command, TransactBalance
from services.commands.refused import CommandError, InvalidBody
from services.commands.table import KINDS
from tests.commands.world import NOW, Story, catalog, configure, create, delete, id_of, update
from tests.store.rows_in_memory import loaded, rows_are_entities


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rows_are_entities(monkeypatch)


def outcome(resources: Resources, command: Command) -> tuple[str, Any]:
    """The facts, or the words of the refusal."""
    try:
        return "facts", decide(resources, command, 8)
    except CommandError as error:
        return type(error).__name__, str(error)


TEMPLATES = {"one": "USD", "two": "USD", "three": "EUR"}
PLANS, GROUPS, ACCOUNTS, WALLETS = ("one", "two", "again", "own"), ("all", "some"), ("acme", "kid"), ("wallet", "purse")
DAYS = ("2026-01-01", "2026-02-01", "2026-03-15", "2026-07-01")
GIVEN = (
    *catalog(),
    create("account", "kid", code="kid", parentAccountId="@acme"),
    create("account", "other", code="other"),
    create("contract", "contract", accountId="@acme", code="contract"),
    create("counter", "counter"),
    *(create("product", f"product-{name}", code=name) for name in TEMPLATES),
    *(
        create("planTemplate", f"template-{name}", code=name, productId=f"@product-{name}", currency=currency)
        for name, currency in TEMPLATES.items()
    ),
    *(create("plan", name, code=name, planTemplateId=f"@template-{name}") for name in TEMPLATES),
    create("plan", "again", code="again", planTemplateId="@template-one"),
    create("plan", "own", code="own", planTemplateId="@template-two", accountId="@acme"),
    *(create("aggregation", name, meterId="@meter", code=name) for name in ("units", "hours")),
    *(create("planGroup", name, code=name) for name in GROUPS),
    create("planGroupLink", "first", planGroupId="@all", planId="@one"),
    create("balance", "wallet", accountId="@acme", code="wallet"),
)


def at(*names: str | None) -> tuple[str | None, ...]:
    """The ids of these resources; None for none."""
    return tuple(None if name is None else f"@{name}" for name in names)


#: Of each kind names that its resources have here, and the values that each of their fields may have.
MADE: dict[str, tuple[tuple[str, ...], dict[str, tuple[Any, ...]]]] = {
    "planGroup": (GROUPS, {"accountId": at(None, None, "acme"), "code": ("all", "some"), "minimumSpend": (0, 3)}),
    "planGroupLink": (
        ("first", "second", "third"),
        {"planGroupId": at(*GROUPS), "planId": at(*PLANS, "three")},
    ),
    "accountPlan": (
        ("on", "beside", "later", "more"),
        {
            "accountId": at(*ACCOUNTS), "planId": at(None, None, None, *PLANS),
            "planGroupId": at(None, *GROUPS, *GROUPS), "contractId": at(None, None, "contract"),
            "startDate": DAYS, "endDate": (None, "2026-08-01", "2026-03-15"),
        },
    ),
    "aggregation": (
        ("units", "hours", "more"),
        {"meterId": at("meter"), "code": ("units", "hours", "more", None), "aggregation": ("SUM", "MAX")},
    ),
    "compoundAggregation": (
        ("both", "twice"),
        {
            "calculation": ("aggregation.units * 2", "aggregation.more + aggregation.hours", "nothing"),
            "code": ("both", "twice"),
        },
    ),
    "pricing": (("price",), {"planId": at(*PLANS), "compoundAggregationId": at("both", "twice", "units")}),
    "plan": (("one", "two"), {"planTemplateId": at("template-two"), "code": ("one", "two")}),
    "balance": (
        WALLETS,
        {"accountId": at("acme"), "code": WALLETS, "endDate": DAYS[2:], "currency": ("USD", "EUR")},
    ),
    "balanceTransactionSchedule": (
        ("refill", "filling"),
        {
            "balanceId": at(*WALLETS), "code": ("refill", "filling"), "startDate": DAYS[:2], "endDate": DAYS[2:],
            "amount": (4, 10),
        },
    ),
    "balanceChargeSchedule": (
        ("keeping",),
        {
            "balanceId": at(*WALLETS), "servicePeriodStartDate": DAYS[:2], "servicePeriodEndDate": DAYS[2:],
            "currency": ("USD", "EUR"),
        },
    ),
    "commitment": (
        ("promise",),
        {
            "accountId": at(*ACCOUNTS), "commitmentType": ("MINIMUM", "PREPAYMENT"), "code": ("promise", None),
            "billingPlanId": at(None, *PLANS), "startDate": DAYS[:3], "endDate": DAYS[2:],
        },
    ),
    "charge": (
        ("extra",),
        {
            "accountId": at(*ACCOUNTS), "contractId": at(None, "contract"), "entityId": at(*WALLETS),
            "entityType": ("BALANCE",), "lineItemType": ("BALANCE_FEE",),
        },
    ),
    "counterAdjustment": (
        ("seat", "seats"), {"accountId": at(*ACCOUNTS), "counterId": at("counter"), "date": DAYS[:2]},
    ),
}  # fmt: skip
#: Who refused at least once, so that the test is of rules that look at more than one resource.
REFUSED = {"OverlappingPlan", "NotUnique", "Referenced", "DebitUncovered", "InvalidField", "UnknownReference"}


def command_of(random: Random, held: dict[str, int]) -> Command | None:
    """Any command; changes are of the version that is there. None where no body can be read."""
    kind = random.choice([*MADE])
    names, options = MADE[kind]
    name = random.choice(names)
    match random.choice(["make", "make", "make", "delete", "debit"]):
        case "debit":
            body = {"amount": random.choice([-15, -5, 20]), "transactionDate": random.choice(DAYS)}
            return TransactBalance(id_of(random.choice(WALLETS)), BalanceTransaction.model_validate(body), "t", NOW)
        case "delete":
            effective = date.fromisoformat(random.choice(DAYS)) if "Schedule" in kind else None
            return delete(kind, name, effective=effective)
        case _:
            fields = {field: random.choice(values) for field, values in options.items()}
            version = held.get(id_of(name))
            with suppress(InvalidBody):
                return create(kind, name, **fields) if version is None else update(kind, name, version, **fields)
            return None


def refusals(seed: int) -> set[str]:
    """Decide a hundred commands by what is loaded and by everything; returns who refused any of them."""
    random = Random(seed)
    story = Story().given(*GIVEN, configure(1, allowOverlappingPlans=random.random() < 0.2))
    found = set()
    for _ in range(100):
        held = {one.id: one.version for kind in KINDS.values() for one in kind.held(story.resources).values()}
        command = command_of(random, held)
        if command is None:
            continue
        expected = outcome(story.resources, command)
        assert outcome(loaded(story.resources, command), command) == expected, (seed, command)
        if expected[0] == "facts":
            story.apply(expected[1])
        else:
            found.add(expected[0])
    return found


def test_a_command_is_decided_by_what_is_loaded_as_by_everything() -> None:
    assert set().union(*map(refusals, range(60))) >= REFUSED


@pytest.mark.long
@pytest.mark.timeout(0)
def test_many_commands_are_decided_so() -> None:
    for seed in range(60, 2000):
        refusals(seed)
