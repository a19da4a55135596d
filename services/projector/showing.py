"""What is seen of a transaction of the projector."""

from services.sight.metrics import SETTLE, SETTLED, WRITE, WRITE_RECORDS


def show_write(records: int, settled: int, seconds: float, settle_seconds: float) -> None:
    """One of so many records of the log, which settled so many families; one that had nothing to do is not told."""
    if not records and not settled:
        return
    WRITE.observe(seconds)
    SETTLE.observe(settle_seconds)
    WRITE_RECORDS.observe(records)
    SETTLED.inc(settled)
