"""What is seen of a poll of a partition once all of it is written: counted by what became of it, and logged if anything
was refused.
"""

from collections import Counter
from collections.abc import Callable

import structlog

from events.topics import OFFSET_HEADER, REASON_HEADER
from services.ingest.batch import Outcome
from services.refusals.rows import organization_of
from services.sight.metrics import REFUSED, USAGE

log = structlog.get_logger(__name__)
DISPOSITIONS = ("rated", "duplicate", "rejected", "rerouted")


def show(outcome: Outcome, is_known: Callable[[str], object]) -> None:
    """Count it. `is_known`: whether there is such an organization.

    Names that belong to no organization are counted together: else a publisher could make as many series as there are
    names.
    """
    for name in DISPOSITIONS:
        USAGE.labels(name).inc(getattr(outcome.counts, name))
    refused, offsets = Counter[tuple[str, str]](), list[int]()
    for record in outcome.rejected:
        headers = {name: value or b"" for name, value in record.headers}
        organization = organization_of(record.key, record.value, headers)
        known = organization if organization is not None and is_known(organization) else ""
        refused[known, headers[REASON_HEADER].decode()] += 1
        offsets.append(int(headers[OFFSET_HEADER]))
    for (organization, reason), count in refused.items():
        REFUSED.labels(organization, reason).inc(count)
        # Which records these are stands in `usage.rejected`; a line for each would let a publisher fill a disk.
        log.warning(
            "usage_rejected",
            organization=organization,
            reason=reason,
            count=count,
            partition=outcome.partition,
            offset=min(offsets),
            to_offset=max(offsets),
        )
