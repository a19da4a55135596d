"""Automatic top-ups: the same commands as a manual top-up, given by the rule."""

from collections.abc import Callable
from typing import Any

from events.actors import rule as rule_actor
from events.facts.automation import AutomaticRuleActed
from events.resources.automation import AutomaticTopUp
from projections.alerts.rules import top_up_rule
from projections.entities import AccountEntity, Entity, FundEntity
from projections.resources import Resources
from services.automation.acts import Due, acted, placed
from services.commands.automation_rules import top_up_commands
from services.commands.refused import CommandError
from services.postgres import Postgres
from services.store.events import append, stream_version
from services.store.execute import execute, load_locked, now_of
from services.store.generations import Generations
from services.store.streams import stream_of_alert
from services.store.view import get


class RuleTopUps:
    """Runs the top-ups of rules."""

    def __init__(self, postgres: Postgres, generations: Callable[[], Generations]) -> None:
        self._postgres, self._generations = postgres, generations

    async def act(self, organization: str, due: Due) -> AutomaticRuleActed | None:
        """Pay in, or note the refusal; None: there is nothing to do (any more, or yet). Raises: temporary failures."""
        async with self._postgres.of(organization).transaction() as connection:
            # Under the organization's lock: nobody else pays in, or changes the rule, until this is decided.
            resources = await load_locked(connection, organization)
            rule = await get(connection, organization, "automaticTopUp", due.rule_id)
            if rule is None or not rule.body.is_active or not due.is_found_by(top_up_rule(rule)):
                return None
            kind = "commitment" if rule.body.commitment_id else "balance"
            fund = await get(connection, organization, kind, due.subject_id)
            account = await get(connection, organization, "account", due.account_id)
            if not isinstance(fund, FundEntity) or _is_behind(due, fund):
                return None
            if not isinstance(account, AccountEntity):
                return None
            if await stream_version(connection, organization, stream_of_alert(due.id)):
                return None
            fact = await self._decided(connection, resources, rule, fund, due)
            await append(connection, [placed(organization, fact, account, now_of(resources))], self._generations())
        return fact

    async def _decided(
        self, connection: Any, resources: Resources, rule: Entity[AutomaticTopUp], fund: FundEntity, due: Due
    ) -> AutomaticRuleActed:
        """Do all of it; if any part is refused, nothing."""
        assert due.remaining is not None
        try:
            commands = top_up_commands(rule, fund, due.day, due.id, now_of(resources))
            async with connection.transaction():
                for command in commands:
                    await execute(
                        connection, resources, command, self._generations(), due.id, rule_actor(rule.body.code)
                    )
        except CommandError as error:
            return acted(due, rule, due.remaining, reason=str(error))
        return acted(due, rule, due.remaining, amount=rule.body.amount)


def _is_behind(due: Due, fund: FundEntity) -> bool:
    """Whether it has a fact that was not projected when the rule was evaluated: the rule will then be evaluated
    again.
    """
    return due.folded is None or due.folded < fund.folded
