"""The table and the JSON of a run."""

from dataclasses import dataclass
from typing import Any

from rich.table import Table

from benchmarks.results import Pipeline

#: What the ratios should be at least.
AIM_FLOOR, AIM_NAIVE = 0.5, 10.0


@dataclass(frozen=True, slots=True)
class Report:
    """The three pipelines of one run, on events of so many bytes."""

    event_bytes: int
    product: Pipeline
    floor: Pipeline
    naive: Pipeline

    def ratios(self) -> dict[str, float]:
        """What carries over to another machine."""
        ingest, projector = self.product.legs
        copy, fold = self.floor.legs
        return {
            "product/floor": self.product.per_second / self.floor.per_second,
            "product/naive": self.product.per_second / self.naive.per_second,
            "ingest/copy": ingest.per_second / copy.per_second,
            "projector/fold": projector.per_second / fold.per_second,
            "cpu of ingest/copy": ingest.cpu_microseconds / copy.cpu_microseconds,
            "cpu of projector/fold": projector.cpu_microseconds / fold.cpu_microseconds,
        }

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "event_bytes": self.event_bytes,
            "ratios": {name: round(ratio, 3) for name, ratio in self.ratios().items()},
            "product": self.product.document(),
            "floor": self.floor.document(),
            "naive": self.naive.document(),
        }


def table(report: Report) -> Table:
    """Speeds, legs, and the ratios against what is aimed at."""
    shown = Table(title=f"usage in Kafka -> visible in the balance table, {report.event_bytes}-byte events")
    for column in ("", "events", "events/s", "CPU µs/event", "rows written", "product is", "aim"):
        shown.add_column(column, justify="left" if not column else "right")
    ratios = report.ratios()
    aims = {"floor": f"{ratios['product/floor']:.2f} x", "naive FastStream": f"{ratios['product/naive']:.1f} x"}
    wanted = {"floor": f">= {AIM_FLOOR}", "naive FastStream": f">= {AIM_NAIVE:.0f}"}
    pipelines = {"product": report.product, "floor": report.floor, "naive FastStream": report.naive}
    for name, pipeline in pipelines.items():
        cpu = sum(leg.cpu_microseconds for leg in pipeline.legs)
        shown.add_row(
            f"[bold]{name}[/]",
            f"{pipeline.events:,}",
            f"[bold]{pipeline.per_second:,.0f}[/]",
            f"{cpu:.1f}",
            f"{sum(pipeline.rows.values()):,}",
            aims.get(name, ""),
            wanted.get(name, ""),
        )
        for leg in pipeline.legs:
            shown.add_row(f"  {leg.name}", "", f"{leg.per_second:,.0f}", f"{leg.cpu_microseconds:.1f}")
    return shown
