"""An account's family as a read that derives needs it: with every command that was acknowledged."""

from starlette.requests import Request

from projections.resources import AccountEntity
from services.api.requests import api_of, organization_of, require_organization, waiter_of
from services.api.resources import existing
from services.commands.table import KINDS
from services.readside.family_now import LoadedFamily, load_family


async def family_of(request: Request, account_id: str) -> LoadedFamily:
    """The account's family, once every command that was acknowledged is projected. Raises: UnknownResource."""
    api, organization = api_of(request), organization_of(request)
    async with api.postgres.connection() as connection:
        await require_organization(connection, organization)
        account = await existing(connection, organization, KINDS["account"], account_id)
    assert isinstance(account, AccountEntity)
    await waiter_of(request).until_commands_projected()
    return await load_family(api.postgres, organization, account.root_id)
