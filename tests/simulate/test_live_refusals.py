"""What is refused is refused in memory and live alike, in the same words."""

import re

import pytest

from tests.simulate.living import Live, alike
from tests.simulate.test_nameless import COMMITMENTS, USAGE, WAITER
from tests.simulate.test_usage import CONFLICT, FIRST, story, usage

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


async def test_a_uid_used_again_with_other_content(live: Live) -> None:
    taken = usage("ts: 2026-01-10T00:00:00Z, uid: r-2, measure: {n: 1}")
    repeated = usage("ts: 2026-01-01T00:00:00Z, uid: r, repeat: {every: 1d, until: 2026-01-04}, measure: {n: 1}")
    other = usage("ts: 2026-01-10T00:00:00Z, uid: u, measure: {n: 6}")
    results = await alike(
        live,
        story(
            FIRST,
            FIRST,
            f"{other}\n    expectError: \"uid 'u' was used with other content\"",
            taken,
            f"{repeated}\n    expectError: \"uid 'r-2' was used with other content\"",
            "bill: {date: 2026-02-01}\n    expect: [{account: acme, total: 8.00}]",
        ),
    )
    assert [result.differences for result in results] == [()] * 6


async def test_usage_that_is_refused_after_the_last_step_is_told(live: Live) -> None:
    results = await alike(live, story(FIRST, usage("ts: 2026-01-10T00:00:00Z, uid: u, measure: {n: 6}")))
    assert [result.differences for result in results] == [(), (f"was refused: {CONFLICT}",)]


async def test_an_end_of_usage(live: Live) -> None:
    ended = usage("ts: 2026-01-10T00:00:00Z, ets: 2026-01-10T02:00:00Z, uid: u, measure: {n: 5}")
    backwards = usage("ts: 2026-01-10T00:00:00Z, ets: 2026-01-09T00:00:00Z, measure: {n: 5}")
    hourly = "ets: 2026-01-01T01:00:00Z, repeat: {every: 1d, until: 2026-01-04}, measure: {n: 1}"
    results = await alike(
        live,
        story(
            ended,
            ended,
            f"{FIRST}\n    expectError: other content",
            f"{backwards}\n    expectError: ets must not be before ts",
            usage(f"ts: 2026-01-01T00:00:00Z, {hourly}"),
            "bill: {date: 2026-02-01}\n    expect: [{account: acme, total: 8.00}]",
        ),
    )
    assert [result.differences for result in results] == [()] * 6


async def test_what_has_no_code_or_uid_of_its_own(live: Live) -> None:
    for text in (COMMITMENTS, story(*USAGE, "bill: {date: 2026-02-01}"), WAITER):
        assert [result.differences for result in await alike(live, text) if result.differences] == []


#: Of what refers to the product, the account and the plan, what was created first is of a kind that stands last.
REFERRED = """
products: [{code: api}]
meters: [{code: calls, dataFields: [{code: n, category: MEASURE}]}]
accounts: [{code: acme}]
steps:
  - create: {balances: [{code: b, account: acme, products: [api], startDate: 2026-01-01, endDate: 2027-01-01}]}
  - create: {contracts: [{code: c, account: acme, startDate: 2026-01-01, endDate: 2027-01-01}]}
  - create: {accounts: [{code: kid, parentAccount: acme}]}
  - create: {plans: [{code: p, product: api}]}
  - update: {balance: b, set: {name: renamed}}
  - delete: {account: acme}
    expectError: balance b refers to it
  - delete: {product: api}
    expectError: balance b refers to it
"""


async def test_of_all_that_refers_to_what_is_deleted_the_first_is_named(live: Live) -> None:
    assert [result.differences for result in await alike(live, REFERRED) if result.differences] == []


#: Steps that were to be refused and were not have made what later ones want to make.
TAKEN = """
accounts: [{code: acme}]
counters: [{code: seats}]
steps:
  - create: {commitments: [{code: c, account: acme, amount: 5, startDate: 2026-01-01, endDate: 2027-01-01}]}
    expectError: nobody
  - create: {commitments: [{code: c, account: acme, amount: 6, startDate: 2026-01-01, endDate: 2027-01-01}]}
  - create: {contracts: [{code: t, account: acme, startDate: 2026-01-01, endDate: 2027-01-01}]}
    expectError: nobody
  - create: {contracts: [{code: t, account: acme, startDate: 2026-01-01, endDate: 2027-01-01}]}
  - adjustment: {account: acme, counter: seats, date: 2026-01-05, value: 3}
  - adjustment: {account: acme, counter: seats, date: 2026-01-05, value: 4}
  - commitment: c
    expect: {amount: 5}
"""


async def test_a_code_that_is_taken_is_named_as_it_was_written(live: Live) -> None:
    results = await alike(live, TAKEN)
    passed = "was taken, but an error was expected: nobody"
    same_day = "account, counter, date: acme, seats, 2026-01-05 is taken by counterAdjustment of line 11"
    assert [text for result in results for text in result.differences] == [
        passed,
        "was refused: code: c is taken by commitment c",
        passed,
        "was refused: code: t is taken by contract t",
        f"was refused: {same_day}",
    ]


#: The first of each kind of step that names what is not there, or says what may not be.
WRONG = """
organization: {timezone: Europe/Paris}
products: [{code: api}]
meters: [{code: calls, dataFields: [{code: n, category: MEASURE}]}]
accounts: [{code: acme}]
commitments: [{code: c, account: acme, amount: 5, startDate: 2026-01-01, endDate: 2027-01-01}]
balances: [{code: b, account: acme, startDate: 2026-01-01, endDate: 2027-01-01}]
steps:
  - bill: {date: 2026-01-01, account: nobody}
  - bill: {date: 1970-01-02}
  - preview: {date: 1970-01-02, account: acme}
  - preview: {date: 2026-01-01, account: nobody}
  - unbilled: {date: 2026-01-01, account: nobody}
  - approve: {account: nobody}
  - commitment: nothing
  - update: {commitment: c, set: {billingPlan: nope}}
  - update: {commitment: c, set: {products: [api, nope]}}
  - update: {commitment: c, set: {separateOverageUsage: yes}}
  - update: {commitment: c, set: {account: nobody}}
  - update: {plan: nope, set: {name: x}}
  - delete: {commitment: nope}
  - delete: {account: acme}
  - topUp: {commitment: c, amount: -1, date: 2026-02-01}
  - topUp: {commitment: nope, amount: 1, date: 2026-02-01}
  - cancel: {commitment: c, date: 2026-02-01, policy: LATER}
  - cancel: {commitment: c, date: 2027-02-01}
  - transaction: {balance: b, amount: -1, date: 2026-02-01}
  - transaction: {balance: nope, amount: -1, date: 2026-02-01}
  - adjustment: {account: acme, counter: nope, date: 2026-01-05, value: 3}
  - create: {accountPlans: [{account: acme, plan: nope}]}
  - usage: {account: acme, meter: nope, ts: 2026-01-05T00:00:00Z}
    expectError: "usage was refused: meter must be a meter's code, 'nope' is none"
  - usage: {account: nobody, meter: calls, ts: 2026-01-05T00:00:00Z, measure: {n: 1}}
    expectError: "usage was refused: account must be an account's code, 'nobody' is none"
"""


async def test_every_kind_of_step_is_refused_in_the_same_words(live: Live) -> None:
    results = await alike(live, WRONG)
    told = [text for result in results for text in result.differences]
    assert len(told) == len(results) - 4
    assert not [text for text in told if re.search("[0-9a-f]{8}-|Id\\b", text)]
