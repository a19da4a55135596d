"""What follows the store beside an API's requests; each is told by Postgres when there is something to do."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from services.alerts.running import Alerts
from services.api.event_documents import documents_at
from services.api.wire import encode, wire_document
from services.automation.acting import RuleActor
from services.kafka import Cluster, SharedWriter
from services.postgres import Postgres
from services.refusals.making_accounts import AccountMaker
from services.store.generations import Generations
from services.webhooks.announcing import Announcer

_Loop = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Followers:
    """Loops that go on until they are cancelled. `every`: connections that see what is no organization's alone."""

    postgres: Postgres
    every: Postgres
    generations: Callable[[], Generations]

    def alerts(self) -> _Loop:
        """Raises alerts, and does what automatic rules found."""
        actor = RuleActor(self.postgres, self.generations)
        return Alerts(self.postgres, self.every, self.generations, wire_document, actor.act_due).run()

    def webhooks(self) -> _Loop:
        """Makes deliveries of what webhook destinations want."""
        return Announcer(self.postgres, self.every, self.generations, documents_at, encode).run()

    def accounts(self, cluster: Cluster, usage: SharedWriter) -> _Loop:
        """Makes accounts of usage that came before them."""
        return AccountMaker(self.postgres, self.every, cluster, usage, self.generations).run()
