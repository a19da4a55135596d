"""The checks of `trueup doctor` and their results, each in one line: as text for people, as JSON for programs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The status of a finding; only faults make a report red."""

    OK = "ok"
    #: It works, but somebody should know.
    NOTE = "note"
    WRONG = "wrong"
    #: It was not checked: something it depends on is faulty, or the result cannot be known; `says` tells why.
    NOT_TRIED = "not tried"


class Check(StrEnum):
    """The subjects of checks. Programs may rely on these words."""

    SETTINGS = "settings"
    KAFKA_REACHED = "kafka-reached"
    KAFKA_ADVERTISED = "kafka-advertised"
    KAFKA_TLS = "kafka-tls"
    KAFKA_LOGIN = "kafka-login"
    KAFKA_VERSION = "kafka-version"
    KAFKA_TOPIC = "kafka-topic"
    KAFKA_RIGHT = "kafka-right"
    POSTGRES_REACHED = "postgres-reached"
    POSTGRES_TLS = "postgres-tls"
    POSTGRES_LOGIN = "postgres-login"
    POSTGRES_DATABASE = "postgres-database"
    POSTGRES_VERSION = "postgres-version"
    POSTGRES_SESSION = "postgres-session"
    POSTGRES_POOLER = "postgres-pooler"
    POSTGRES_ROLE = "postgres-role"
    POSTGRES_RIGHT = "postgres-right"
    STORE = "store"
    READ_MODELS = "read-models"
    PERSONAL_KEY = "personal-key"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: the status, the check, its object, the result, and the remedy."""

    status: Status
    check: Check
    about: str
    says: str
    mend: str = ""

    def __str__(self) -> str:
        mend = f"; {self.mend}" if self.mend else ""
        return " ".join(f"{self.status:<10}{self.check:<19}{self.about}: {self.says}{mend}".split("\n"))


@dataclass(slots=True)
class Report:
    """All findings, in order. `about`: the object of a check; `says`: its result; `mend`: the remedy."""

    findings: list[Finding] = field(default_factory=list)

    def ok(self, check: Check, about: str, says: str) -> None:
        """Add a check that succeeded."""
        self.findings.append(Finding(Status.OK, check, about, says))

    def note(self, check: Check, about: str, says: str, mend: str = "") -> None:
        """Add a check that succeeded, with something that the operator should know."""
        self.findings.append(Finding(Status.NOTE, check, about, says, mend))

    def wrong(self, check: Check, about: str, says: str, mend: str) -> None:
        """Add a check that failed."""
        self.findings.append(Finding(Status.WRONG, check, about, says, mend))

    def not_tried(self, check: Check, about: str, why: str) -> None:
        """Add a check that could not be made, and why."""
        self.findings.append(Finding(Status.NOT_TRIED, check, about, why))

    def wrong_checks(self) -> Iterator[Check]:
        """The checks that failed, once for each finding."""
        return (finding.check for finding in self.findings if finding.status is Status.WRONG)

    @property
    def is_green(self) -> bool:
        """Whether no check failed."""
        return not any(self.wrong_checks())

    def document(self) -> dict[str, Any]:
        """The report in the form that `--json` prints."""
        findings = [
            {
                "status": finding.status,
                "check": finding.check,
                "about": finding.about,
                "says": finding.says,
                "mend": finding.mend or None,
            }
            for finding in self.findings
        ]
        return {"green": self.is_green, "findings": findings}
