"""Tasks that follow the store beside an API's requests; Postgres notifies each when there is work."""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from fastapi import FastAPI

from services.alerts.alerter import Alerts
from services.api.calls import Api
from services.api.event_documents import documents_at
from services.api.health import Health
from services.api.wire import encode, wire_document
from services.automation.acting import bills_ahead, top_ups
from services.kafka import Cluster, SharedWriter
from services.postgres import Postgres
from services.readside.lateness import Lateness
from services.refusals.releasing import Releaser
from services.store.generations import Generations
from services.webhooks.announcing import Announcer

_Loop = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Followers:
    """Loops that run until they are cancelled. `every`: connections for all organizations; `app` has the valid
    generations.
    """

    postgres: Postgres
    every: Postgres
    health: Health
    app: FastAPI
    _lateness: Lateness = field(default_factory=Lateness, init=False)

    def generations(self) -> Generations:
        """The valid generations."""
        api: Api = self.app.state.api
        return api.generations

    async def behind(self) -> float | None:
        """By how many seconds the read models lag; None while Postgres does not answer."""
        report = await self.health.report()
        return None if report.seen is None else self._lateness.note(report.seen, report.ends, monotonic())

    def alerts(self) -> _Loop:
        """Raise alerts, and run the acts of automatic rules."""
        top_up, bill = (make(self.postgres, self.generations).act_due for make in (top_ups, bills_ahead))
        return Alerts(self.postgres, self.every, self.generations, wire_document, top_up, bill, self.behind).run()

    def webhooks(self) -> _Loop:
        """Make deliveries for webhook destinations."""
        return Announcer(self.postgres, self.every, self.generations, documents_at, encode).run()

    def held_usage(self, cluster: Cluster, usage: SharedWriter) -> _Loop:
        """Settle usage that was held for its account or meter."""
        return Releaser(self.postgres, self.every, cluster, usage, self.generations).run()
