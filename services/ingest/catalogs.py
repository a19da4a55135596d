"""The catalog as one poll sees it: directories by organization, aggregations by meter, and who reads which total.

Everything is made when it is first asked for and dropped when a fact arrives that may change it, so a command costs the
organizations that it touches and no others; a new account, of which there are many, costs one entry.
"""

from collections.abc import Iterable

from events.envelope import Envelope
from events.facts.resources import AccountCreated
from projections.aggregates import TotalsKey
from projections.rating.terms import Reader
from projections.usage.cells import MeterPlan, meter_plans
from services.ingest.directory import Directory, add_account, directory_of
from services.ingest.families import FamilyReaders
from services.ingest.following import CatalogFollower


class Catalogs:
    """Reads a `CatalogFollower`; tell it with `changed` what the follower has folded."""

    def __init__(self, follower: CatalogFollower) -> None:
        self._follower = follower
        self._directories: dict[str, Directory] = {}
        self._plans: dict[str, dict[str, MeterPlan]] = {}
        self._readers: dict[str, FamilyReaders] = {}

    @property
    def offset(self) -> int:
        """Next offset of `billing.catalog` that is not yet seen here."""
        return self._follower.offset

    def changed(self, envelopes: Iterable[Envelope]) -> bool:
        """Drop what these facts may have changed; returns whether charges may have."""
        prices = False
        for envelope in envelopes:
            organization = envelope.organization
            if not organization:
                continue  # a tick of the real clock
            readers = self._readers.get(organization)
            if readers is not None:
                readers.evolve(envelope)
            if isinstance(envelope.data, AccountCreated):
                if organization in self._directories:
                    add_account(self._directories[organization], envelope.data.id)
                continue
            prices = True
            self._directories.pop(organization, None)
            self._plans.pop(organization, None)
        return prices

    def directory(self, organization: str) -> Directory | None:
        """Accounts and meters of the organization; None while it is unknown or not configured."""
        held = self._directories.get(organization)
        if held is None:
            resources = self._follower.resources(organization)
            if resources is None or resources.config is None:
                return None
            held = self._directories[organization] = directory_of(resources)
        return held

    def meter_plan(self, directory: Directory, meter_id: str) -> MeterPlan | None:
        """The aggregations of a meter; None if it has none."""
        plans = self._plans.get(directory.organization)
        if plans is None:
            plans = self._plans[directory.organization] = meter_plans(directory.resources)
        return plans.get(meter_id)

    def readers(self, directory: Directory, key: TotalsKey) -> tuple[Reader, ...]:
        """The series that read a total of an account."""
        held = self._readers.get(directory.organization)
        if held is None:
            held = self._readers[directory.organization] = FamilyReaders(directory.resources)
        return held.of(key)
