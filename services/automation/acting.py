"""Runs the acts of automatic rules, in the API's process, beside the raising of alerts.

Why an act is done once: its id follows from the rule with its terms, its subject and the arming; its stream has one
version, and the act's effects are appended in the same transaction. A second attempt (another process, one that
restarted after a kill, refilled read models) finds the stream, and does nothing. Why none is lost: a due act stays a
row of the read models until the act's fact comes by in the log.
"""

from collections.abc import Awaitable, Callable

import structlog

from events.facts.automation import AutomaticRuleActed
from events.resources.automation import BILL, TOP_UP
from projections.readmodels import alerts_due
from services.automation.acts import Due
from services.automation.billing_ahead import BillerAhead
from services.automation.topping_up import RuleTopUps
from services.interruptions import INTERRUPTIONS
from services.postgres import Postgres
from services.readside.live import reading_live
from services.side_by_side import Resting
from services.sight.metrics import WAITS
from services.store.generations import Generations

log = structlog.get_logger(__name__)

#: Acts of an organization that are done in a row, before others have their turn: top-ups take a transaction each; for
#: each bill a whole family is loaded and settled.
TOP_UPS, BILLS = 10, 1


class RuleActor:
    """Runs one kind of act for the rules of organizations: rules that wait for `event_name`, `page` at a time."""

    def __init__(
        self,
        postgres: Postgres,
        event_name: str,
        act: Callable[[str, Due], Awaitable[AutomaticRuleActed | None]],
        page: int,
    ) -> None:
        self._postgres, self._event_name, self._act, self._page = postgres, event_name, act, page
        #: The last processed id of an organization, if its end was not reached.
        self._after = dict[str, str]()
        #: Ids of failed acts.
        self._resting = Resting()

    async def act_due(self, organization: str) -> bool:
        """Run some due acts of an organization, from the start or from the last stop; returns whether there may be
        more.

        After a permanent failure an act rests, and the others are run. Raises: temporary failures.
        """
        async with reading_live(self._postgres.of(organization)) as connection:
            after, resting = self._after.pop(organization, ""), self._resting.ids()
            about = (organization, [self._event_name], after, resting, self._page)
            rows = await connection.fetch(alerts_due.AUTOMATIC, *about)
        for due in map(Due.of, rows):
            # Whatever becomes of this act, the next one does not wait for it.
            self._after[organization] = due.id
            await self._guarded(organization, due)
        if len(rows) == self._page:
            return True
        self._after.pop(organization, None)
        return False

    async def _guarded(self, organization: str, due: Due) -> None:
        try:
            fact = await self._act(organization, due)
        except INTERRUPTIONS:
            raise
        except Exception:
            WAITS.labels("rule_not_acted").inc()
            log.exception("rule_not_acted", organization=organization, rule=due.rule_id, act=due.id)
            self._resting.add(due.id)
            return
        if fact is not None:
            log.info("rule_acted", organization=organization, rule=fact.rule_code, outcome=fact.outcome, act=due.id)


def top_ups(postgres: Postgres, generations: Callable[[], Generations]) -> RuleActor:
    """The actor for automatic top-ups."""
    return RuleActor(postgres, TOP_UP, RuleTopUps(postgres, generations).act, TOP_UPS)


def bills_ahead(postgres: Postgres, generations: Callable[[], Generations]) -> RuleActor:
    """The actor for threshold billing."""
    return RuleActor(postgres, BILL, BillerAhead(postgres, generations).act, BILLS)
