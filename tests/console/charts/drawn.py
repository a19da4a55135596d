"""Answers of the API that charts are drawn of, and drawings as trees of elements."""

from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any
from xml.etree import ElementTree

from services.console.charts import DrawnChart

SVG = "{http://www.w3.org/2000/svg}"
START = date(2026, 1, 1)


def burned(days: int = 3, left: Any = lambda day: D(100 - 10 * day), forecast: bool = True) -> dict[str, Any]:
    """An answer of `burndown` with so many days."""
    last = START + timedelta(days=days - 1)
    points = [
        {"day": (last + timedelta(days=k)).isoformat(), "left": D(10 - k), "low": D(8 - k), "high": D(12)}
        for k in range(8)
    ]
    to_come = {
        **{"window": 30, "days": days, "perDay": D(10), "deviation": D("1.5"), "runsOut": "2026-01-13"},
        **{"earliest": "2026-01-11", "left": D(0), "low": D(0), "high": D(5), "uncovered": D(20), "lapses": D(0)},
        "points": points,
    }
    return {
        "currency": "USD",
        "products": [
            {"id": "p", "code": "compute", "name": "Compute"},
            {"id": "q", "code": "s", "name": '<Store> & "it"'},
        ],
        "days": [
            {
                **{"day": (START + timedelta(days=day)).isoformat(), "added": D(100), "drawn": 100 - left(day)},
                **{"left": left(day), "lapsed": D(0), "ahead": D(0)},
                "products": [{"productId": "p", "amount": D(11)}, {"productId": "q", "amount": D(-1)}],
            }
            for day in range(days)
        ],
        "marks": [
            {"day": "2026-01-01", "kind": "START", "amount": D(100)},
            {"day": "2026-01-02", "kind": "TOP_UP", "amount": D(20)},
            {"day": "2030-01-01", "kind": "END"},
        ],
        "forecasts": [to_come] if forecast else [],
    }


def counted(owed: D = D(100), forecast: bool = True) -> dict[str, Any]:
    """An answer of `progress`."""
    points = [{"day": f"2026-01-{day}", "counted": D(day), "low": D(day - 5), "high": D(day + 5)} for day in (10, 31)]
    to_come = {
        **{"window": 7, "days": 7, "perDay": D(1), "deviation": D(0), "counted": D(31), "low": D(26), "high": D(36)},
        **{"trueUp": D(69), "trueUpLow": D(64), "trueUpHigh": D(74), "points": points},
    }
    return {
        "currency": "EUR",
        "period": {"startDate": "2026-01-01", "endDate": "2026-02-01", "amount": owed},
        "days": [{"day": "2026-01-05", "counted": D(5)}, {"day": "2026-01-10", "counted": D(10)}],
        "forecasts": [to_come] if forecast else [],
    }


def many(forecast: bool = True) -> dict[str, Any]:
    return burned(1000, lambda day: D(1000 - day), forecast)


def drawings(chart: DrawnChart) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(chart.wide), ElementTree.fromstring(chart.narrow)]
