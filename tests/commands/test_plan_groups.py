"""Plan groups: what may be in one, and who may be on it (rules 3.23)."""

from typing import Any

import pytest

from events.facts.catalog import (
    PlanDeleted,
    PlanGroupCreated,
    PlanGroupDeleted,
    PlanGroupLinkCreated,
    PlanGroupLinkDeleted,
    PlanGroupLinkUpdated,
    PlanGroupUpdated,
)
from events.facts.resources import AccountPlanCreated
from services.commands.bodies import parse_body
from services.commands.messages import Command
from services.commands.refused import (
    CommandError,
    InvalidBody,
    InvalidField,
    NotUnique,
    OverlappingPlan,
    Referenced,
    UnknownReference,
)
from tests.commands.world import Story, configure, create, delete, document, given, update


def priced(name: str, **template: Any) -> list[Command]:
    """A plan of a product of its own."""
    return [
        create("product", f"product-{name}", code=name),
        create("planTemplate", f"template-{name}", **({"productId": f"@product-{name}"} | template)),
        create("plan", name, code=name, planTemplateId=f"@template-{name}"),
    ]


def group(name: str = "group", **more: Any) -> Command:
    return create("planGroup", name, **more)


def link(name: str, plan: str, of: str = "group") -> Command:
    return create("planGroupLink", name, planGroupId=f"@{of}", planId=f"@{plan}")


def on(name: str, account: str = "acme", **more: Any) -> Command:
    return create("accountPlan", name, accountId=f"@{account}", **more)


def told(*commands: Command) -> Story:
    """A story with plans `one` and `two` of two products, and a group that has `one`."""
    return given(*priced("one"), *priced("two"), group(code="all"), link("link-one", "one"), *commands)


def test_a_group_and_its_links_are_made_changed_and_deleted() -> None:
    story = given(*priced("one"), *priced("two"))
    story.when(group()).then(PlanGroupCreated)
    [changed] = story.when(update("planGroup", "group", 1, minimumSpend=5)).then(PlanGroupUpdated)
    assert changed.minimum_spend_from is not None and changed.standing_charge_from is None
    story.when(link("link", "one")).then(PlanGroupLinkCreated)
    moved = update("planGroupLink", "link", 1, planGroupId="@group", planId="@two")
    story.when(moved).then(PlanGroupLinkUpdated)
    story.when(delete("planGroupLink", "link")).then(PlanGroupLinkDeleted)
    story.when(delete("planGroup", "group")).then(PlanGroupDeleted)


def test_what_a_link_names_is_there_and_stays() -> None:
    told().when(link("again", "nowhere")).refused(UnknownReference, "planId")
    told().when(link("again", "two", "nowhere")).refused(UnknownReference, "planGroupId")
    story = told(on("on", planGroupId="@group"))
    story.when(delete("plan", "one")).refused(Referenced, "planGroupLink")
    story.given(delete("planGroupLink", "link-one")).when(delete("plan", "one")).then(PlanDeleted)
    story.when(delete("planGroup", "group")).refused(Referenced, "accountPlan")


def test_a_code_is_taken_once_among_groups() -> None:
    told().when(group("again", code="all")).refused(NotUnique, "code: all is taken")


@pytest.mark.parametrize("more", [{"currency": "EUR"}, {"accountId": "@acme"}])
def test_a_group_keeps_its_currency_and_its_account(more: dict[str, Any]) -> None:
    told().when(update("planGroup", "group", 1, **more)).refused(InvalidField, "never changes")


def test_a_group_has_one_plan_of_a_product() -> None:
    other = create("plan", "other", code="other", planTemplateId="@template-one")
    told(other).when(link("again", "other")).refused(InvalidField, "planId: names a plan of a product of which")
    told().when(link("again", "one")).refused(InvalidField, "planId: names a plan of a product of which")
    told().when(link("link-two", "two")).then(PlanGroupLinkCreated)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ({"currency": "EUR"}, "planId: names a plan in EUR, and the group is in USD"),
        ({"billFrequency": "WEEKLY"}, "planId: names a plan that is not billed at the frequency and interval"),
        ({"billFrequencyInterval": 3}, "planId: names a plan that is not billed at the frequency and interval"),
    ],
)
def test_plans_of_a_group_are_billed_alike(template: dict[str, Any], message: str) -> None:
    told(*priced("three", **template)).when(link("again", "three")).refused(InvalidField, message)


def test_a_plan_of_one_account_is_in_that_accounts_groups_alone() -> None:
    own = create("plan", "own", code="own", planTemplateId="@template-two", accountId="@acme")
    story = told(own, group("acmes", accountId="@acme"))
    story.when(link("again", "own")).refused(InvalidField, "planId: names a plan of one account")
    story.when(link("again", "own", "acmes")).then(PlanGroupLinkCreated)


def test_a_group_of_one_account_is_attached_to_no_other() -> None:
    story = given(group(accountId="@acme"), create("account", "other", code="other"))
    story.when(on("on", "other", planGroupId="@group")).refused(
        InvalidField, "planGroupId: names a plan group of another"
    )
    story.when(on("on", planGroupId="@group")).then(AccountPlanCreated)


WAYS: list[tuple[list[Command], Command]] = [
    ([on("before", planId="@one")], on("on", planGroupId="@group")),
    ([on("before", planGroupId="@group")], on("on", planId="@one")),
    ([on("before", planGroupId="@group")], on("on", planGroupId="@group")),
    ([on("before", planGroupId="@group"), on("beside", planId="@two")], link("link-two", "two")),
    (
        [group("more"), link("more-one", "one", "more"), on("before", planGroupId="@more")],
        on("on", planGroupId="@group"),
    ),
]


@pytest.mark.parametrize(("before", "command"), WAYS, ids=["group", "plan", "same group", "link", "other group"])
def test_no_product_is_attached_twice_on_a_day(before: list[Command], command: Command) -> None:
    told(*before).when(command).refused(OverlappingPlan, "of the same product covers some of these days")
    allowing = told(configure(1, allowOverlappingPlans=True), *before)
    try:
        allowing.given(command)
    except CommandError as error:
        pytest.fail(str(error))


def test_groups_follow_each_other_and_stand_beside_other_products() -> None:
    story = told(on("first", planGroupId="@group", endDate="2026-02-01"))
    story.when(on("second", planGroupId="@group", startDate="2026-02-01")).then(AccountPlanCreated)
    story.when(on("beside", planId="@two")).then(AccountPlanCreated)


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("planGroup", {"currency": None}, "currency: "),
        ("planGroup", {"currency": "usd"}, "currency: must be a code"),
        ("planGroup", {"minimumSpend": -1}, "minimumSpend: "),
        ("planGroupLink", {"planId": "x" * 36}, "planGroupId: "),
        ("planGroupLink", {"planGroupId": "x" * 36}, "planId: "),
    ],
)
def test_a_bad_body_is_told_its_field(kind: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        parse_body(kind, document(kind, **more))
    assert str(refused.value).startswith(message)
