"""Forgetting the personal data of an account, in the transaction of the request."""

from services.access.denials import MissingScopeError
from services.access.scopes import Scope
from services.api.commanding import Turn
from services.erasure.forgetting import forgetting
from services.store.execute import Executed


async def forget_account(turn: Turn, id: str, reason: str | None) -> Executed:
    """Destroy the account's key with the commit, as the fact says. Raises: UnknownResource, KeepsNoKeys."""
    return await turn.execute(await forgetting(turn.connection, turn.resources, id, reason, turn.now))


async def forget_deleted(turn: Turn, id: str) -> None:
    """Forget an account that is about to be deleted, if it has keys: later nobody could.

    Raises: MissingScopeError, because a caller who may not forget may not delete either.
    """
    if turn.resources.keeps_keys:
        if Scope.ADMIN not in turn.call.identity.scopes:
            raise MissingScopeError(needed=Scope.ADMIN)
        await forget_account(turn, id, None)
