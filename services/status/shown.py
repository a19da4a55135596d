"""What processes show at /metrics that a terminal says in a line: of all of them together."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

#: Name in the document -> sample, and the labels that it must have. Since each process began.
SUMMED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "usageRefused": ("trueup_usage_refused_total", {}),
    "usageDuplicate": ("trueup_usage_total", {"disposition": "duplicate"}),
    "rebalances": ("trueup_rebalances_total", {}),
    "poolWaits": ("trueup_pool_wait_seconds_count", {}),
    "poolWaitSeconds": ("trueup_pool_wait_seconds_sum", {}),
}
#: How samples end whose family is called without it.
_ENDS = ("_total", "_count", "_sum")
#: Moments, in seconds since 1970, of which the newest counts.
NEWEST = {"signedUpTo": "trueup_signed_tick_timestamp_seconds", "archivedAt": "trueup_archive_timestamp_seconds"}


def shown_in(text: str) -> dict[str, float]:
    """What one process shows of these, in Prometheus's text format. Raises: ValueError."""
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for name, (wanted, _) in SUMMED.items():
            if wanted in {family.name + end for end in _ENDS}:
                values.setdefault(name, 0.0)  # with labels there is no sample until something was counted under them
        for sample in family.samples:
            for name, (wanted, labels) in SUMMED.items():
                if sample.name == wanted and labels.items() <= sample.labels.items():
                    values[name] = values.get(name, 0.0) + sample.value
            for name, wanted in NEWEST.items():
                if sample.name == wanted:
                    values[name] = sample.value
    return values


def together(each: Iterable[Mapping[str, float]]) -> dict[str, Any]:
    """Of all processes; what none of them shows is None, a moment is text in ISO 8601."""
    lists: dict[str, list[float]] = {}
    for values in each:
        for name, value in values.items():
            lists.setdefault(name, []).append(value)
    summed: dict[str, Any] = {name: sum(lists[name]) if name in lists else None for name in SUMMED}
    counted = {
        name: value if value is None or name == "poolWaitSeconds" else int(value) for name, value in summed.items()
    }
    moments = {name: _moment(max(lists[name])) if name in lists else None for name in NEWEST}
    return {**moments, **counted}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def lines(shown: Mapping[str, Any]) -> dict[str, str]:
    """For a terminal; what nobody shows has no line."""
    told = {
        "signed up to": shown["signedUpTo"],
        "archived at": shown["archivedAt"],
        "refused usage": shown["usageRefused"],
        "duplicates": shown["usageDuplicate"],
        "rebalances": shown["rebalances"],
    }
    if waits := shown["poolWaits"]:
        mean = 1000 * shown["poolWaitSeconds"] / waits
        told["waits for Postgres's pool"] = f"{waits}, {mean:.1f} ms on average"
    return {name: str(value) for name, value in told.items() if value is not None}
