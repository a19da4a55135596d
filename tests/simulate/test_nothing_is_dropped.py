"""What stands in a file counts or is refused by name; nothing of it is passed over."""

import pytest

from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import play
from services.simulate.story import parse_story
from services.simulate.yaml_lines import ScenarioError, load_yaml

TERM = "account: acme, startDate: 2026-01-01, endDate: 2027-01-01"
AT = "ts: 2026-01-10T00:00:00Z"
NO_IDS = "no file has ids; write billingPlan, and codes"
TOLD = "is told by answers, not by a story"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"commitments: [{{{TERM}, amount: 5, version: 3}}]", f"commitment.version: {TOLD}"),
        (f"commitments: [{{{TERM}, amount: 5, amountSpent: 3}}]", f"commitment.amountSpent: {TOLD}"),
        (f"balances: [{{{TERM}, code: b, amount: 5}}]", f"balance.amount: {TOLD}"),
        ("steps: [update: {commitment: c, set: {id: x}}]", f"commitment.id: {TOLD}"),
        ("steps: [update: {plan: p, set: {effectiveDate: 2026-02-01}}]", "set.effectiveDate: stands beside `set`"),
        ("steps: [update: {plan: p, account: a, set: {}}]", "update.account: is one entity too many beside plan"),
        ("steps: [delete: {commitment: c, plan: p}]", "delete.plan: is one entity too many beside commitment"),
        ("steps: [{bill: {date: 2026-02-01}, expect: }]", "expect: must say something"),
        ("steps: [{bill: {date: 2026-02-01}, expect: [], expectError: x}]", "expect: does not go with expectError"),
        ("steps: [{bill: {date: 2026-02-01}, expectError: }]", "expectError: must be text"),
        ("organization: {testClock: false}", "organization.testClock: is not for a story to say"),
        ("organization: {usageBeforeAccount: CREATE}", "organization.usageBeforeAccount: CREATE is not for a story"),
        (
            "notificationConfigurations: [{code: r, eventName: alert.usage.refused, threshold: 9, windowMinutes: 5}]",
            "notificationConfiguration.eventName: alert.usage.refused is about what no story has",
        ),
        ("steps: [held: {account: acme}]", "held.account: is not a field of this step"),
        ("steps: [alerts: {}]", "alerts.rule: is required"),
        ("organization: {version: 2}", "organization.version: is not for a story to say"),
        (f"commitments: [{{{TERM}, amount: 5, billingPlanId: x}}]", f"commitment.billingPlanId: {NO_IDS}"),
        ("steps: [update: {commitment: c, set: {productIds: [x]}}]", "commitment.productIds: no file has ids"),
        ("accounts: [{code: a, plans: [{planId: x}]}]", "accountPlan.planId: no file has ids; write plan, and codes"),
        ("steps: [bill: {date: 1970-01-01}]", "date: must be after 1970-01-01"),
        ("steps: [preview: {date: 1970-01-01, account: a}]", "date: must be after 1970-01-01"),
        (
            f"steps: [usage: {{account: a, meter: m, {AT}, repeat: {{every: 1d, until: 2026-01-10T01:00:00+01:00}}}}]",
            "repeat.until: must be after ts",
        ),
        ("organization: []", "organization: must be a mapping"),
        ("scenario: [a, b]", "scenario: must be text"),
        (
            f"steps: [usage: {{account: a, meter: m, {AT}, who: {{tag: true}}}}]",
            "who: tag must be text (put it in quotes)",
        ),
        (
            f"steps: [usage: {{account: a, meter: m, {AT}, other: {{tag: 1.50}}}}]",
            "other: tag must be text (put it in quotes)",
        ),
    ],
)
def test_what_would_be_passed_over_is_refused_by_name(text: str, said: str) -> None:
    steps = "" if text.startswith("steps") else "\nsteps: [bill: {date: 2026-02-01}]"
    with pytest.raises(ScenarioError) as caught:
        parse_story(load_yaml(text + steps))
    assert str(caught.value).startswith(f"line 1: {said}")


def test_an_approval_names_an_account_that_there_is() -> None:
    text = "accounts: [{code: acme}]\nsteps:\n  - approve: {account: acme}\n  - approve: {account: nobody}"
    known, unknown = play(parse_story(load_yaml(text)), MemoryPlayer())
    assert known.differences == ()
    assert unknown.differences == ("was refused: there is no account with code nobody",)
