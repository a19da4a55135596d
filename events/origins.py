"""Which records of the log are this system's own: those whose source bears a name that it gave (decision 28).

Kafka lets anyone write who may reach it. A record of a stranger is passed over by every reader alike, so it can neither
stop the log nor move a cent.
"""

from dataclasses import dataclass

#: `usage/<generation>/<partition>`, `read/<generation>/<partition>`, `commands/<generation>`, `clock/<generation>`.
KINDS = frozenset(("usage", "read", "commands", "clock"))


@dataclass(frozen=True, slots=True)
class Origins:
    """The names of all generations that stores and topics of this system ever had."""

    generations: frozenset[str]

    def own(self, source: str) -> bool:
        """Whether a source is one of ours."""
        kind, _, rest = source.partition("/")
        return kind in KINDS and rest.partition("/")[0] in self.generations
