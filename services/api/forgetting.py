"""Forgetting the personal data of an account, in the transaction of who asked for it."""

from services.api.commanding import Turn
from services.commands.messages import ForgetAccount
from services.personal.keys import key_ids
from services.store.execute import Executed


async def forget_account(turn: Turn, id: str, reason: str | None) -> Executed:
    """Destroy the account's key with the commit, as the log then says. Raises: UnknownResource, KeepsNoKeys."""
    good = await key_ids(turn.connection, turn.call.organization, id)
    return await turn.execute(ForgetAccount(id, good, reason, turn.now))


async def forget_deleted(turn: Turn, id: str) -> None:
    """The same of an account that is about to be deleted, where there is anything to forget: nobody could later."""
    config = turn.resources.configured
    if config is not None and config.keeps_keys:
        await forget_account(turn, id, None)
