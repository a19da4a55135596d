"""Does what automatic rules found, in the API's process, beside what raises alerts.

Why an act is done once: its id follows from the rule with its terms, what it is about and the arming; its stream has
one version, and what it does is appended in the same transaction. Whoever comes second (another process, one that was
killed and began anew, read models that were filled anew) finds the stream, and does nothing. Why none is lost: what is
due is a row of the read models until the act's fact has come by in the log.
"""

import asyncio
from collections.abc import Callable

import structlog

from events.resources.automation import ACTS, TOP_UP
from projections.readmodels import alerts_due
from services.automation.acts import Due
from services.automation.billing_ahead import BillerAhead
from services.automation.topping_up import TopUps
from services.failures import Passing
from services.postgres import Postgres
from services.readside.live import reading_live
from services.sight.metrics import WAITS
from services.store.generations import Generations

log = structlog.get_logger(__name__)


#: Acts of an organization that are done one after the other, before others have their turn.
PAGE = 10
#: How long something that is due rests, if what was done for it failed for a reason that does not pass by itself.
REST_SECONDS = 60.0


class RuleActor:
    """Acts for the rules of organizations."""

    def __init__(self, postgres: Postgres, generations: Callable[[], Generations]) -> None:
        self._postgres = postgres
        self._top_ups, self._biller = TopUps(postgres, generations), BillerAhead(postgres, generations)
        #: Up to which id what is due in an organization was gone through, of those whose end is not reached.
        self._after = dict[str, str]()
        #: Ids of what failed, and until when each rests.
        self._resting = dict[str, float]()

    async def act_due(self, organization: str) -> bool:
        """Do some of what is due now in an organization: from the first on, or where it was left. Returns whether there
        may be more. What fails for a reason that does not pass by itself rests, and the others are done. Raises: what
        passes."""
        now = asyncio.get_running_loop().time()
        self._resting = {id: until for id, until in self._resting.items() if until > now}
        async with reading_live(self._postgres.of(organization)) as connection:
            about = (organization, list(ACTS), self._after.pop(organization, ""), list(self._resting), PAGE)
            rows = await connection.fetch(alerts_due.AUTOMATIC, *about)
        for due in map(Due.of, rows):
            # Whatever becomes of this one, the next one is not kept waiting by it.
            self._after[organization] = due.id
            await self._guarded(organization, due)
        if len(rows) == PAGE:
            return True
        self._after.pop(organization, None)
        return False

    async def _guarded(self, organization: str, due: Due) -> None:
        try:
            await self._act(organization, due)
        except Passing:
            raise
        except Exception:
            WAITS.labels("rule_not_acted").inc()
            log.exception("rule_not_acted", organization=organization, rule=due.rule_id, act=due.id)
            self._resting[due.id] = asyncio.get_running_loop().time() + REST_SECONDS

    async def _act(self, organization: str, due: Due) -> None:
        act = self._top_ups.act if due.event_name == TOP_UP else self._biller.act
        fact = await act(organization, due)
        if fact is not None:
            log.info("rule_acted", organization=organization, rule=fact.rule_code, outcome=fact.outcome, act=due.id)
