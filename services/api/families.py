"""The family of a request, as it is now, and as it would be under other terms."""

from projections.entities import AccountEntity
from projections.settlement import Family
from services.api.calls import Call
from services.api.resources import existing
from services.commands.supposed import Supposed, supposed_family
from services.commands.table import KINDS
from services.readside.family_now import LoadedFamily
from services.readside.recalled import recall_family
from services.store.execute import now_of


async def family_of(call: Call, account_id: str) -> LoadedFamily:
    """The account's family, once every command that was acknowledged is projected. Raises: UnknownResource."""
    async with call.reading() as connection:
        account = await existing(connection, call.organization, KINDS["account"], account_id)
    assert isinstance(account, AccountEntity)
    await call.waiter.until_commands_projected()
    return await recall_family(call.postgres, call.organization, account.root_id)


def family_supposed(loaded: LoadedFamily, supposed: Supposed) -> Family:
    """The family under these terms, as if commands gave them now. Raises: errors of such commands."""
    return supposed_family(loaded.family, loaded.resources, supposed, now_of(loaded.resources))
