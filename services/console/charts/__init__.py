"""Charts: pure functions from an answer of the API to SVG as text, with the tables behind it.

    chart = burn_down(answer, form, id="burn-down-1")
    chart.wide, chart.narrow    # whole <svg> elements of one picture; the page shows the one that fits its window
    chart.tables                # the same numbers: `caption`, `columns` (name and kind), `rows`
    chart.told                  # of each forecast, what is to be expected, as a sentence

=====================  ==========================================================================================
`burn_down`            the answer of `GET commitments/{id}/burndown` and `GET balances/{id}/burndown`: what was left by
                       day, marks, the forecasts with the band of one (`window`: 7, 30 or 90)
`drawn_by_product`     the same answer: what each product drew, by day
`progress`             the answer of `GET commitments/{id}/progress`: what counted by day, what is owed, the forecasts
`true_ups_by_month`    `trueUps` of one currency of `GET overview`: `{"month", "amount"}` each
`usage_by_day`         `{"day", "quantity"}` each
=====================  ==========================================================================================

An answer is the JSON as the API words it, read with exact numbers (`Decimal`); days may be texts or `date`. `form` says
how money, numbers and days are written (`Form`; `Plain` writes them as JSON does); cells of tables are values
(`date`, `Decimal`, `int`, `str`, None), which the page writes by the `kind` of their column. `id` is the drawing's own
on its page (`{id}-narrow` is that of the narrow one), `title` what it is called.

No drawing has a style or a script, so the strictest Content-Security-Policy lets it pass: colours are the stylesheet's,
by class. `chart` the drawing; `chart-line`, `chart-area`, `chart-now` what was; `chart-forecast`, `chart-band` what is
to come; `chart-owed` what a minimum owes; `chart-mark` with `chart-mark-start`, `-top-up`, `-amended`, `-cancelled`,
`-end`, `-rollover-end`, `-runs-out`, `-used-up`; `chart-bar` with `chart-series-1` to `-6`, and `chart-below` for what
is below zero; `chart-axis`, `chart-grid`, `chart-label`. Without a stylesheet lines have the text's colour, and areas
are black: so `chart-area` and `chart-band` need at least a `fill-opacity`.
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
