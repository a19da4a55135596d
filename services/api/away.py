"""What is said of a server of ours that is away: everybody is told which one it is, an operator where it stands.

The log has the address, too: whoever runs the API finds it there, whoever asked.
"""

from dataclasses import dataclass, field

from services.failures import AddressedFailure
from services.outage import Outage


@dataclass(slots=True)
class Away:
    """Of one process: what its log has been told."""

    _outages: dict[str, Outage] = field(default_factory=dict)

    def note(self, error: BaseException) -> None:
        """Write down where the server stands, if this comes of one: once for each outage, however many ask."""
        for one in (error, error.__cause__):
            if isinstance(one, AddressedFailure):
                self._outages.setdefault(one.outside, Outage("server_away")).met(one)
