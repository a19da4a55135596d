"""Assists the works of other machines: takes parts of whichever is posted, until it is told to stop."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog

from services.apart.board import LOOK_SECONDS, Posted, WorkGoneError, posted
from services.apart.claims import PartLostError
from services.apart.program import program_version
from services.apart.stint import Stint
from services.apart.work import BrokenFoldError, FoldFailedError, Form, ProcessDiedError, Servers
from services.concurrency import first_of, unless_set
from services.postgres import Postgres
from services.sight.pulse import PULSE

log = structlog.get_logger(__name__)

#: How long somebody who is told to stop tries to say so.
GIVE_UP_SECONDS = 10.0


async def assist(
    postgres: Postgres, servers: Servers, forms: Mapping[str, Form[Any, Any]], processes: int, stop: asyncio.Event
) -> None:
    """Take parts of works of these forms, by kind, in so many processes, until `stop` is set. A part that is not
    finished then is put back, or ends its work by name.

    What fails here ends its work, and this machine waits for the next one. Raises: PostgresUnreachableError.
    """
    #: What this process has imported, whatever is installed meanwhile; processes that it starts compare it.
    program = program_version()
    #: The last work that this machine leaves alone.
    passed = 0
    while not stop.is_set():
        PULSE.went_round()
        found = await posted(postgres)
        if found is None or found.id == passed:
            await first_of(LOOK_SECONDS, stop)
        elif found.program != program:
            log.warning("other_version_leads", work=found.id, kind=found.kind, note="only the same version may assist")
            passed = found.id
        else:
            await _assist(postgres, servers, forms[found.kind], found, processes, stop)


async def _assist(
    postgres: Postgres, servers: Servers, form: Form[Any, Any], found: Posted, processes: int, stop: asyncio.Event
) -> None:
    """Take parts of a work until all are done, or it has failed."""
    stint = Stint(postgres, form, found.id, form.work.validate_json(found.work), servers, found.parts, processes)
    told = log.bind(kind=form.kind, work=found.id, machine=stint.me)
    told.info("assists")
    try:
        await unless_set(stop, stint.run(leads=False))
    except (WorkGoneError, PartLostError) as error:
        if stint.has_parts:
            told.warning("work_gone", note=str(error))
            return
    except (FoldFailedError, BrokenFoldError, ProcessDiedError) as error:
        # Whose parts were given to others meanwhile has failed for that.
        told.warning("assisting_failed", error=str(error), ends_work=await stint.fail(error))
        return
    if stop.is_set():
        with suppress(TimeoutError):  # then it is missed
            async with asyncio.timeout(GIVE_UP_SECONDS):
                await stint.give_up()
    told.info("assisted")
