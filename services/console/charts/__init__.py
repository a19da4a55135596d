"""Charts: pure functions from an answer of the API to SVG as text, with the tables behind it.

  chart = burn_down(answer, form, id="burn-down-1")
  chart.wide, chart.narrow    # whole <svg> elements of one picture; the page shows the one that fits its window
  chart.tables                # the same numbers: `caption`, `columns` (name and kind), `rows`
  chart.told                  # a sentence for each forecast

=====================  ==========================================================================================
`burn_down`            the answer of `GET commitments/{id}/burndown` and `GET balances/{id}/burndown`: what was left by
                       day, marks, the forecasts with the band of one (`window`: 7, 30 or 90)
`drawn_by_product`     the same answer: what each product drew, by day
`progress`             the answer of `GET commitments/{id}/progress`: what counted by day, what is owed, the forecasts
`true_ups_by_month`    `trueUps` of one currency of `GET overview`: `{"month", "amount"}` each
`usage_by_day`         `{"day", "quantity"}` each
=====================  ==========================================================================================

An answer is the API's JSON, read with exact numbers (`Decimal`); days may be texts or `date`. `form` formats money,
numbers and days (`Form`; `Plain` writes them as JSON does). Cells of tables are values (`date`, `Decimal`, `int`,
`str`, None), which the page formats by the `kind` of their column. `id` must be unique on the page (the narrow drawing
gets `{id}-narrow`); `title` is the drawing's name.

No drawing contains a style or a script, so the strictest Content-Security-Policy allows it: the stylesheet gives the
colours, by class. `chart` is the drawing; `chart-line`, `chart-area`, `chart-now` are the past; `chart-forecast`,
`chart-band` the future; `chart-owed` what a minimum owes; `chart-mark` with `chart-mark-start`, `-top-up`, `-amended`,
`-cancelled`, `-end`, `-rollover-end`, `-runs-out`, `-used-up` the marks; `chart-bar` with `chart-series-1` to `-6` the
bars, and `chart-below` those below zero; `chart-axis`, `chart-grid`, `chart-label` the frame. Without a stylesheet
lines have the text's colour, and areas are black: so `chart-area` and `chart-band` need at least a `fill-opacity`.
"""

from services.console.charts.bars import true_ups_by_month, usage_by_day
from services.console.charts.burn_down import burn_down, drawn_by_product
from services.console.charts.chart import Column, DrawnChart, Form, Plain, Table
from services.console.charts.progress import progress

__all__ = [
    "Column",
    "DrawnChart",
    "Form",
    "Plain",
    "Table",
    "burn_down",
    "drawn_by_product",
    "progress",
    "true_ups_by_month",
    "usage_by_day",
]
