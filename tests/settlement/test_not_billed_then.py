"""What was not billed as of a service day: used and due by then, less bills dated by then (rules 8.15)."""

from datetime import date

import pytest

from projections.settlement import unbilled, unbilled_by
from projections.settlement.states_by_day import as_of_day
from services.simulate.naming import id_of
from tests.settlement.playing import play_text

#: 10 on the 10th and the 25th of January and on the 5th of February, billed for both months; then 7 come late.
STORY = """
meters: [{code: calls, dataFields: [{code: n, category: MEASURE}]}]
aggregations: [{code: units, meter: calls, targetField: n}]
plans: [{code: basic, product: api, pricings: [{code: one, aggregation: units, pricingBands: [{unitPrice: 1}]}]}]
accounts: [{code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}]
steps:
  - usage: {account: acme, meter: calls, ts: 2026-01-10T00:00:00Z, measure: {n: 10}}
  - usage: {account: acme, meter: calls, ts: 2026-01-25T00:00:00Z, measure: {n: 10}}
  - usage: {account: acme, meter: calls, ts: 2026-02-05T00:00:00Z, measure: {n: 10}}
  - bill: {date: 2026-02-01}
  - bill: {date: 2026-03-01}
  - usage: {account: acme, meter: calls, ts: 2026-01-12T00:00:00Z, measure: {n: 7}}
"""


@pytest.mark.parametrize(
    ("day", "amount"),
    [
        (date(2026, 1, 9), 0), (date(2026, 1, 10), 10), (date(2026, 1, 12), 17), (date(2026, 1, 31), 27),
        (date(2026, 2, 1), 7), (date(2026, 2, 5), 17), (date(2026, 2, 28), 17), (date(2026, 3, 1), 7),
    ],
)  # fmt: skip
def test_neither_later_usage_nor_a_later_bill_is_in_it(day: date, amount: int) -> None:
    acme = id_of("account", "acme")
    family = play_text(STORY).family(acme)
    then = unbilled_by(as_of_day(family, day), acme)
    assert sum(draft.total for draft in then) == amount
    assert [draft.total for draft in unbilled(family, as_of=day)] == [7], "asked for now, all that has arrived counts"
    assert family.billed.dated_by(date(2026, 3, 1)).by_key == family.billed.by_key
