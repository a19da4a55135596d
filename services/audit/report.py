"""The result of an audit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from events.decimals import plain
from services.audit.beginning import CheckpointRefused


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an audit. `difference` is the first one; None when there is none."""

    events: int = 0
    accounts: int = 0
    bills: int = 0
    unexplained: Decimal = Decimal(0)
    difference: str | None = None
    #: Families whose draws and accrued lines lagged behind their balances, and so were not compared.
    behind: int = 0
    #: The next offset of each partition of `billing.events` up to which the result is valid.
    positions: Mapping[int, int] = field(default_factory=dict)
    #: Unacknowledged records of strangers in our topics: where, and why.
    foreign: tuple[str, ...] = ()
    #: The checkpoint from which it continued; None: it began at the beginning, and `refused` says why a checkpoint was
    #: not used.
    since: int | None = None
    refused: CheckpointRefused | None = None
    #: The checkpoint that was kept of it.
    kept: int | None = None

    @property
    def passed(self) -> bool:
        """Whether all rows agree with the log, the log holds only known records, and no checkpoint was tampered
        with.
        """
        suspicious = self.refused is not None and self.refused.suspicious
        return self.difference is None and not self.unexplained and not self.foreign and not suspicious

    def first_lines(self) -> list[str]:
        """The lines of the report before the last one."""
        said = []
        if self.refused is not None:
            said.append(f"audit: no checkpoint was used: {self.refused}; the whole log was read")
        if self.difference is not None:
            said.append(f"audit: first difference: {self.difference}")
        if self.kept is not None:
            said.append(f"audit: checkpoint {self.kept} is kept")
        return said

    def last_line(self) -> str:
        """The line that an audit ends with."""
        verdict = "live == replay" if self.difference is None else "live != replay"
        money = self.unexplained
        amount = f"{money:.2f}" if money == round(money, 2) else plain(money)
        since = "" if self.since is None else f" since checkpoint {self.since}"
        counted = f"{self.events} events{since}, {self.accounts} accounts, {self.bills} bills"
        strangers = f", {len(self.foreign)} foreign records" if self.foreign else ""
        behind = f", {self.behind} accounts' lines behind" if self.behind else ""
        return f"audit: {counted}, {verdict}, unexplained {amount}{behind}{strangers}"
