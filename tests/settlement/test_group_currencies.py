"""A plan of a group whose template changed its currency (rules 3.25)."""

from tests.settlement.playing import play_text

#: 50 yen are not half a dollar of the hundred: of them only the 30 dollars of `one` go off.
STORY = """
scenario: a template that changes its currency
meters: [{code: m, dataFields: [{code: q, category: MEASURE}]}]
aggregations: [{code: q, meter: m, targetField: q}]
plans:
  - {code: one, product: alpha, pricings: [{code: p, aggregation: q, pricingBands: [{unitPrice: 3}]}]}
  - {code: two, product: beta, pricings: [{code: r, aggregation: q, pricingBands: [{unitPrice: 5}]}]}
planGroups: [{code: all, minimumSpend: 100}]
planGroupLinks: [{planGroup: all, plan: one}, {planGroup: all, plan: two}]
accounts: [{code: acme, plans: [{planGroup: all, startDate: 2026-01-01}]}]
steps:
  - usage: {account: acme, meter: m, ts: 2026-01-05T00:00:00Z, measure: {q: 10}}
  - preview: {account: acme, date: 2026-02-01}
    expect:
      - account: acme
        total: 100
        lines:
          - {type: USAGE, product: alpha, amount: 30}
          - {type: USAGE, product: beta, amount: 50}
          - {type: MINIMUM_SPEND, amount: 20}
  - update: {planTemplate: two, set: {currency: JPY}}
  - bill: {date: 2026-02-01}
    expect:
      - {account: acme, currency: JPY, total: 50, lines: [{type: USAGE, product: beta, amount: 50}]}
      - account: acme
        currency: USD
        total: 100
        lines:
          - {type: USAGE, product: alpha, amount: 30}
          - {type: MINIMUM_SPEND, amount: 70}
"""


def test_what_is_in_another_currency_counts_toward_no_minimum_of_the_group() -> None:
    play_text(STORY)
