"""Random stories hold every case on which the two billers are to be compared."""

from collections import Counter

import pytest

from .cases import cases_of
from .generate import scenario_of

SEEDS = 1000
SIDES = ("midnight UTC, east", "midnight UTC, west", "another day than in UTC, east", "another day than in UTC, west")
MODES = ("PARENT_BREAKDOWN", "PARENT_SUMMARY", "CHILD")
WANTED = [
    *(f"moment: {kind}, {side}" for kind in ("accountPlans", "balances", "pricings", "fees") for side in SIDES),
    *(f"prices share a period: {kind}" for kind in ("MIN", "MAX", "LATEST", "MEAN", "UNIQUE")),
    *(
        f"standing charge of several periods{text}"
        for text in ("", ", ended", ", from mid-period", ", from mid-period, ended")
    ),
    *(
        f"nested minimum spends: plan's in {plan}, pricing's in {pricing}"
        for plan in ("advance", "arrears")
        for pricing in ("advance", "arrears")
    ),
    "draws of MINIMUM_SPEND and STANDING_CHARGE",
    "draws of MINIMUM_SPEND and USAGE",
    "overage bands: an account of a pool",
    *(
        f"minimum: grid of {by}"
        for by in (
            "no account plan",
            "one account plan",
            "a billing plan beside no account plan",
            "a billing plan beside one account plan",
            "a billing plan beside several account plans",
        )
    ),
    *(f"minimum: {name} amended" for name in ("billingPlan", "billEpoch", "startDate")),
    "minimum: account plan attached later",
    "minimum: account plan's endDate changed later",
    "minimum: account plan's billEpoch changed later",
    "minimum: a template's billing periods changed later",
    *(f"draw of a child's charge {charge} from {holder}" for charge in MODES for holder in (*MODES, "balance")),
    *(
        f"contract of the parent: {commitment} commitment pays under {plan} plan"
        for commitment in ("its own", "the parent's")
        for plan in ("its own", "the pool's")
    ),
    *(
        f"group: {what}"
        for what in (
            "a minimum spend in advance",
            "a minimum spend in arrears",
            "a minimum spend over its plans' own",
            "a standing charge",
            "a standing charge that draws",
            "a pool",
        )
    ),
    *(
        f"formula: {what}"
        for what in (
            "a division by zero",
            "nothing was used",
            "under several prices, or from mid-period",
            "over the plan's life",
            "of a pool",
        )
    ),
    "one-off: a charge",
    "one-off: a fee",
    "draws of AD_HOC and USAGE",
    "pool: an account below zero beside one above",
    "pool: none above zero, one below",
    *(
        f"change of a {kind}'s {name}, {since}"
        for kind in ("plan", "planTemplate")
        for name in ("standingCharge", "minimumSpend")
        for since in ("dated", "from today on")
    ),
    *(f"empty: {kind}" for kind in ("commitments", "balances", "accountPlans", "pricings", "contracts")),
    *(
        f"refused: {what}"
        for what in (
            "several account plans",
            "a contract of another account",
            "a currency in small letters",
            "a discount of more than all",
            "a start after its end",
        )
    ),
]


@pytest.mark.long
@pytest.mark.timeout(0)
def test_every_case_occurs() -> None:
    found: Counter[str] = Counter()
    for seed in range(SEEDS):
        found.update(set(cases_of(scenario_of(seed))))
    missing = [case for case in WANTED if not found[case]]
    assert not missing, f"in none of {SEEDS} stories: {missing}"
