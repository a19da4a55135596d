"""Does what automatic rules found, in the API's process, beside what raises alerts.

Why an act is done once: its id follows from the rule with its terms, what it is about and the arming; its stream has
one version, and what it does is appended in the same transaction. Whoever comes second (another process, one that was
killed and began anew, read models that were filled anew) finds the stream, and does nothing. Why none is lost: what is
due is a row of the read models until the act's fact has come by in the log.
"""

from collections.abc import Callable

import structlog

from events.resources.automation import ACTS, TOP_UP
from projections.readmodels import alerts_due
from services.automation.acts import Due
from services.automation.billing_ahead import BillerAhead
from services.automation.topping_up import TopUps
from services.postgres import Postgres
from services.readside.live import reading_live
from services.store.generations import Generations

log = structlog.get_logger(__name__)


class RuleActor:
    """Acts for the rules of one organization after the other."""

    def __init__(self, postgres: Postgres, generations: Callable[[], Generations]) -> None:
        self._postgres = postgres
        self._top_ups, self._biller = TopUps(postgres, generations), BillerAhead(postgres, generations)

    async def act_due(self, organization: str) -> int:
        """Do what is due now in an organization; returns how many acts that were. Raises: what passes."""
        async with reading_live(self._postgres.of(organization)) as connection:
            rows = await connection.fetch(alerts_due.AUTOMATIC, organization, list(ACTS))
        done = 0
        for due in map(Due.of, rows):
            act = self._top_ups.act if due.event_name == TOP_UP else self._biller.act
            fact = await act(organization, due)
            if fact is not None:
                done += 1
                log.info("rule_acted", organization=organization, rule=fact.rule_code, outcome=fact.outcome, act=due.id)
        return done
