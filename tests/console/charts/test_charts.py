"""Charts by value: what is drawn of an answer, and the tables behind it."""

import re
from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any
from xml.etree import ElementTree

import pytest

from services.console.charts import (
    Plain,
    burn_down,
    drawn_by_product,
    progress,
    true_ups_by_month,
    usage_by_day,
)
from tests.console.charts.drawn import START, SVG, burned, counted, drawings, many

EVERY = {
    "burn-down": lambda: burn_down(burned()),
    "one day": lambda: burn_down(burned(1, forecast=False)),
    "1,000 days": lambda: burn_down(many(forecast=False)),
    "below zero": lambda: burn_down(burned(4, left=lambda day: D(5 - 10 * day))),
    "nothing": lambda: burn_down(burned(1, left=lambda day: D(0), forecast=False)),
    "yen": lambda: burn_down(burned(3, left=lambda day: D(3 - day)) | {"currency": "JPY"}),
    "products": lambda: drawn_by_product(burned()),
    "1,000 days of products": lambda: drawn_by_product(many()),
    "progress": lambda: progress(counted()),
    "nothing owed": lambda: progress(counted(D(0), forecast=False)),
    "true-ups": lambda: true_ups_by_month(
        [{"month": "2026-01", "amount": D(7)}, {"month": "2026-03", "amount": D(0)}], "USD"
    ),
    "no true-up": lambda: true_ups_by_month([], "USD"),
    "usage": lambda: usage_by_day(
        [{"day": "2026-01-01", "quantity": D("1.25")}, {"day": "2026-01-03", "quantity": D(-1)}]
    ),
}


@pytest.mark.parametrize("name", EVERY)
def test_a_drawing_is_a_picture_that_a_strict_policy_lets_pass(name: str) -> None:
    chart = EVERY[name]()
    for drawing in drawings(chart):
        assert drawing.get("role") == "img"
        title, description = (drawing.find(f"{SVG}{part}") for part in ("title", "desc"))
        assert title is not None and description is not None and title.text and description.text
        assert drawing.get("aria-labelledby") == title.get("id")
        assert drawing.get("aria-describedby") == description.get("id")
        for element in drawing.iter():
            assert element.tag.removeprefix(SVG) not in ("style", "script", "foreignObject", "a", "image", "use")
            assert not [key for key in element.attrib if key == "style" or key.startswith("on") or "href" in key]
    ids = [element.get("id") for drawing in drawings(chart) for element in drawing.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert chart.tables


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_drawn_outside(name: str) -> None:
    for drawing in drawings(EVERY[name]()):
        width, height = (int(length) for length in drawing.get("viewBox", "").split()[2:])
        for element in drawing.iter():
            bounds = dict.fromkeys(("x", "x1", "cx"), width) | dict.fromkeys(("y", "y1", "cy"), height)
            for key, bound in bounds.items():
                assert 0 <= D(element.get(key, "0")) <= bound, ElementTree.tostring(element)
            assert D(element.get("height", "0")) >= 0 and D(element.get("width", "0")) >= 0
            for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", element.get("d", "")):
                assert 0 <= D(x) <= width and 0 <= D(y) <= height
        assert len(ElementTree.tostring(drawing)) < 60_000


def test_a_burn_down_steps_from_day_to_day() -> None:
    """100, 90 and 80 on three days of a scale from 0 to 100, over 24 to 266 units of height."""
    wide, narrow = drawings(burn_down(burned(forecast=False)))
    [line] = [element.get("d") for element in wide.iter(f"{SVG}path") if element.get("class") == "chart-line"]
    assert line == "M84 24H394V48.2H704V72.4"
    [line] = [element.get("d") for element in narrow.iter(f"{SVG}path") if element.get("class") == "chart-line"]
    assert line == "M70 24H210V44.2H350V64.4"
    labels = [element.text for element in wide.iter(f"{SVG}text")]
    assert labels[:5] == ["0 USD", "50 USD", "100 USD", "2026-01-01", "2026-01-02"]


def test_marks_within_the_days_are_told_and_others_only_in_the_table() -> None:
    chart = burn_down(burned(forecast=False))
    groups = [element for element in drawings(chart)[0].iter(f"{SVG}g")]
    assert [(group.get("class"), group[0].text) for group in groups] == [
        ("chart-mark chart-mark-start", "2026-01-01: start 100 USD"),
        ("chart-mark chart-mark-top-up", "2026-01-02: top-up 20 USD"),
    ]
    assert chart.tables[1].rows[-1] == (date(2030, 1, 1), "end", None)


def test_a_forecast_has_its_band_its_words_and_its_row() -> None:
    chart = burn_down(burned())
    kinds = [element.get("class") for element in drawings(chart)[0].iter(f"{SVG}path")]
    assert kinds == ["chart-area", "chart-band", "chart-forecast", "chart-line"]
    assert "80 USD left on 2026-01-03. By the usage of the last 30 days it runs out on 2026-01-13" in chart.wide
    assert "at the earliest 2026-01-11." in chart.wide and chart.wide.count(chart.told[0]) == len(chart.told) == 1
    [row] = chart.tables[2].rows
    assert row[:7] == (30, 3, D(10), D("1.5"), date(2026, 1, 13), date(2026, 1, 11), None)
    assert len(row) == len(chart.tables[2].columns)


def test_the_day_on_which_it_runs_out_is_marked_and_is_no_fact() -> None:
    answer = burned()
    answer["forecasts"][0]["runsOut"] = "2026-01-09"
    chart = burn_down(answer)
    [end] = [element for element in drawings(chart)[0].iter(f"{SVG}g") if "runs-out" in element.get("class", "")]
    assert end[0].text == "2026-01-09: runs out" and end[2].text == "runs out"
    assert D(end[2].get("y", "")) > 24, "below the words of other marks, however near these are"
    assert [row[1] for row in chart.tables[1].rows] == ["start", "top-up", "end"]


def empty(**more: Any) -> dict[str, Any]:
    """An answer about one that has nothing left, and gets nothing more."""
    answer = burned(left=lambda day: D(0)) | more
    del answer["forecasts"][0]["runsOut"], answer["forecasts"][0]["earliest"]
    return answer


def test_what_is_used_up_is_not_said_to_run_out() -> None:
    chart = burn_down(empty(usedUpSince="2026-01-02"))
    assert chart.told == ("It has been used up since 2026-01-02.",)
    assert "0 USD left on 2026-01-03. It has been used up since 2026-01-02." in chart.wide
    [mark] = [element for element in drawings(chart)[0].iter(f"{SVG}g") if "used-up" in element.get("class", "")]
    assert mark[0].text == "2026-01-02: used up" and mark[2].text == "used up"
    assert "runs" not in chart.wide
    assert burn_down(empty()).told == ("It is used up.",), "longer ago than the answer looks"


def test_what_gets_more_later_runs_out_after_that() -> None:
    answer = empty(usedUpSince="2026-01-02")
    answer["forecasts"][0]["runsOut"] = "2026-01-09"
    told = burn_down(answer).told
    assert told[1:] == ("By the usage of the last 30 days it runs out on 2026-01-09.",) and len(told) == 2


def test_of_what_nothing_was_put_on_nothing_is_used_up() -> None:
    answer = empty()
    for day in answer["days"]:
        day["added"] = D(0)
    assert burn_down(answer).told == ("Nothing was put on it yet.",)
    answer["days"][-1]["ahead"] = D(5)
    later = "5 USD was paid in to be drawn from a later day on."
    assert burn_down(answer).told == ("Nothing can be drawn of it yet.", later)


def test_tables_have_the_answers_own_numbers() -> None:
    answer = burned()
    days, _, _ = burn_down(answer).tables
    assert days.rows[1] == (date(2026, 1, 2), D(100), D(10), D(90), D(0))
    [drawn] = drawn_by_product(answer).tables
    assert [column.name for column in drawn.columns] == ["Day", "Compute", '<Store> & "it"']
    assert drawn.rows[0] == (START, D(11), D(-1))
    found, to_come = progress(counted()).tables
    assert found.rows == ((date(2026, 1, 5), D(5)), (date(2026, 1, 10), D(10)))
    assert to_come.rows[0][-3:] == (D(69), D(64), D(74))


def test_bars_stand_on_zero_and_what_is_below_hangs_from_it() -> None:
    """11 above and 1 below, on a scale from -5 to 15."""
    bars = [
        element
        for element in drawings(drawn_by_product(burned(1)))[0].iter(f"{SVG}rect")
        if element.find(f"{SVG}title") is not None
    ]
    above, below = bars
    assert (above.get("class"), below.get("class")) == (
        "chart-bar chart-series-1", "chart-bar chart-series-2 chart-below",
    )  # fmt: skip
    foot = D(above.get("y", "")) + D(above.get("height", ""))
    assert foot == D(below.get("y", "")) and D(below.get("height", "")) > 0
    assert below[0].text == '2026-01-01, <Store> & "it": -1 USD'


def test_very_many_days_share_bars_and_lose_nothing() -> None:
    days = [{"day": (START + timedelta(days=day)).isoformat(), "quantity": D(1)} for day in range(1000)]
    chart = usage_by_day(days)
    told = [element[0].text or "" for element in drawings(chart)[0].iter(f"{SVG}rect") if len(element)]
    assert len(told) <= 120 and sum(int(text.rpartition(": ")[2]) for text in told) == 1000
    assert len(chart.tables[0].rows) == 1000


def test_more_products_than_colours_are_told_together() -> None:
    answer = burned(1)
    answer["products"] = [{"id": f"p{number}", "name": f"Product {number}"} for number in range(9)]
    answer["days"][0]["products"] = [{"productId": f"p{number}", "amount": D(number + 1)} for number in range(9)]
    chart = drawn_by_product(answer)
    told = [element[0].text for element in drawings(chart)[0].iter(f"{SVG}rect") if len(element)]
    assert len(told) == 6 and told[-1] == "2026-01-01, others: 30 USD"
    assert len(chart.tables[0].columns) == 10


def test_the_axis_of_yen_names_whole_yen() -> None:
    labels = [element.text for element in drawings(EVERY["yen"]())[0].iter(f"{SVG}text")]
    assert not [label for label in labels if label and "." in label]


def test_the_form_of_a_page_is_what_stands_on_the_chart() -> None:
    class Paper(Plain):
        def money(self, amount: D) -> str:
            return f"$ {amount:.2f}"

        def month(self, day: date) -> str:
            return day.strftime("%b %Y")

    chart = true_ups_by_month([{"month": "2026-05", "amount": D(7)}], "USD", Paper())
    assert "May 2026. The most is $ 7.00: May 2026." in chart.wide
    assert chart.tables[0].rows == ((date(2026, 5, 1), D(7)),)


def test_what_is_owed_is_a_line_and_a_true_up_is_told() -> None:
    chart = progress(counted())
    [owed] = [element for element in drawings(chart)[0].iter(f"{SVG}line") if element.get("class") == "chart-owed"]
    assert owed.get("y1") == owed.get("y2") == "24"
    assert "10 EUR of 100 EUR had counted on 2026-01-10." in chart.wide
    [told] = chart.told
    assert told == "By the usage of the last 7 days the true-up will be 69 EUR, at least 64 EUR, at most 74 EUR."
    assert told in chart.wide


def test_a_month_without_a_true_up_has_its_place() -> None:
    chart = true_ups_by_month([{"month": "2026-01", "amount": D(7)}, {"month": "2026-04", "amount": D(9)}], "USD")
    bars = [D(element.get("x", "")) for element in drawings(chart)[0].iter(f"{SVG}rect")]
    # Four places of 155 units; no bar is wider than 60, and each has its name below its middle.
    assert bars == [D("131.5"), D("596.5")]
    names = [(element.text, D(element.get("x", ""))) for element in drawings(chart)[0].iter(f"{SVG}text")][-4:]
    assert [x for _, x in names] == [D("161.5"), D("316.5"), D("471.5"), D("626.5")]
    assert [name for name, _ in names] == ["2026-01", "2026-02", "2026-03", "2026-04"]
    assert len(chart.tables[0].rows) == 2
    far = [{"month": "2026-01", "amount": D(7)}, {"month": "2226-01", "amount": D(9)}]
    assert len([*drawings(true_ups_by_month(far, "USD"))[0].iter(f"{SVG}rect")]) == 2
