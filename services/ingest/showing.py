"""What is seen of a poll of a partition once all of it is written: counted by what became of it."""

from collections import Counter
from collections.abc import Callable

from events.topics import REASON_HEADER
from services.ingest.batch import Outcome
from services.refusals.rows import organization_of
from services.sight.metrics import REFUSED, USAGE

DISPOSITIONS = ("rated", "duplicate", "rejected", "rerouted")


def show(outcome: Outcome, is_known: Callable[[str], object]) -> None:
    """Count it. `is_known`: whether there is such an organization.

    Names of none are not told apart: whoever publishes could else make as many series as there are names.
    """
    for name in DISPOSITIONS:
        USAGE.labels(name).inc(getattr(outcome.counts, name))
    refused = Counter[tuple[str, str]]()
    for record in outcome.rejected:
        headers = {name: value or b"" for name, value in record.headers}
        organization = organization_of(record.key, record.value, headers)
        known = organization if organization is not None and is_known(organization) else ""
        refused[known, headers[REASON_HEADER].decode()] += 1
    for (organization, reason), count in refused.items():
        REFUSED.labels(organization, reason).inc(count)
