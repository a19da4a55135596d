"""Where usage of an account goes: the command side knows its partition; an account that is not there is made."""

from collections.abc import Iterable, Sequence
from uuid import uuid4

from events.topics import partition_of
from services.api.calls import Call
from services.api.commanding import Turn, in_turn
from services.commands.skeletons import skeleton_account
from services.refusals.making_accounts import AT_ONCE
from services.store.view import partitions_of


async def places_of(call: Call, codes: Iterable[str]) -> dict[str, int]:
    """The partition of each account, by code. Those that are not there are made first, if that is wished for.

    Raises: UnknownOrganization, NoTurnError, PostgresUnreachableError.
    """
    wanted = list(dict.fromkeys(codes))
    async with call.reading() as connection:
        found = await partitions_of(connection, call.organization, wanted)
    missing = [code for code in wanted if code not in found]
    if not call.api.skeleton_accounts:
        partitions = call.api.generations.partitions
        return found | {code: partition_of(call.organization, code, partitions) for code in missing}
    for start in range(0, len(missing), AT_ONCE):
        found |= await _made(call, missing[start : start + AT_ONCE])
    return found


async def _made(call: Call, codes: Sequence[str]) -> dict[str, int]:
    """Make these accounts; what somebody made meanwhile stays as it is."""

    async def work(turn: Turn) -> dict[str, int]:
        found = await partitions_of(turn.connection, call.organization, codes)
        for code in codes:
            if code not in found:
                command = skeleton_account(str(uuid4()), code, turn.now)
                done = await turn.execute(command)
                found[code] = done.after.accounts[command.id].partition
        return found

    return await in_turn(call, work)
