"""The release after this one, as far as an upgrade meets it: a copy of this code with the edits that a release makes.

No earlier release can be had without git's history or an index, so the two that run side by side are this one and one
that is derived from it: a fact has a member more and another schema version, a resource's body a member more, and a
table of the read models a column more. All else is this code, in processes of their own.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.forked import OURS

ROOT = Path(__file__).parents[2]


class Edit(NamedTuple):
    """A text of a file that stands in it once, and what stands there in the next release."""

    file: str
    now: str
    then: str


#: The schema versions of `AccountCreated` that this release and the next one write.
NOW, THEN = 2, 3
EDITS = (
    Edit(
        "events/facts/resources.py",
        f"schema_version: ClassVar[int] = {NOW}\n    route: ClassVar[Route] = Route.BOTH\n\n    root_id: str\n",
        f"schema_version: ClassVar[int] = {THEN}\n    route: ClassVar[Route] = Route.BOTH\n\n"
        "    channel: str | None = None\n    root_id: str\n",
    ),
    Edit(
        "events/codec.py",
        '    ("AccountCreated", 1): _unchanged,\n',
        f'    ("AccountCreated", 1): _unchanged,\n    ("AccountCreated", {NOW}): _unchanged,\n',
    ),
    Edit("services/commands/account_rules.py", "AccountCreated(id=id,", 'AccountCreated(channel="api", id=id,'),
    Edit(
        "events/resources/accounts.py",
        "    currency: CurrencyCode | None = None\n    bill_epoch: Day | None = None\n    days_before_bill_due: ",
        "    nickname: Text | None = None\n    currency: CurrencyCode | None = None\n    bill_epoch: Day | None = None"
        "\n    days_before_bill_due: ",
    ),
    Edit(
        "projections/readmodels/draws.py",
        "    amount numeric NOT NULL,\n",
        "    amount numeric NOT NULL,\n    reason text NOT NULL DEFAULT 'charge',\n",
    ),
)


def derive(folder: Path) -> Path:
    """Write the next release's code into the folder; returns it."""
    for room in OURS:
        shutil.copytree(ROOT / room, folder / room)  # with what is compiled: it is of the same files and times
    for file, now, then in EDITS:
        path = folder / file
        text = path.read_text()
        assert text.count(now) == 1, f"{file} has no longer once: {now}"
        path.write_text(text.replace(now, then))
    return folder


def environment_in(folder: Path, told: Mapping[str, str]) -> dict[str, str]:
    """What a process is told that takes its code from the folder, wherever it is started."""
    return {**told, "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
