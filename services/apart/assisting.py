"""Assists the works of other machines: takes parts of whichever is posted, until it is told to stop."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from services.apart.board import Form, Posted, WorkGoneError, posted
from services.apart.program import program_version
from services.apart.stint import LOOK_SECONDS, Stint
from services.apart.work import BrokenFoldError, FoldFailedError, ProcessDiedError, Servers
from services.concurrency import first_of, unless_set
from services.postgres import Postgres
from services.sight.pulse import PULSE

log = structlog.get_logger(__name__)


async def assist(
    postgres: Postgres, servers: Servers, forms: Mapping[str, Form[Any, Any]], processes: int, stop: asyncio.Event
) -> None:
    """Take parts of works of these forms, by kind, in so many processes, until `stop` is set. A part that is not
    finished then is put back, or ends its work by name.

    What fails here ends its work, and this machine waits for the next one. Raises: PostgresUnreachableError.
    """
    #: The last work that was left alone, or with which this machine is done.
    passed = 0
    while not stop.is_set():
        PULSE.went_round()
        found = await posted(postgres)
        if found is None or found.id == passed:
            await first_of(LOOK_SECONDS, stop)
        elif found.program != program_version():
            log.warning("other_version_leads", work=found.id, kind=found.kind, note="only the same version may assist")
            passed = found.id
        elif await _take_part(postgres, servers, forms[found.kind], found, processes, stop):
            passed = found.id


async def _take_part(
    postgres: Postgres, servers: Servers, form: Form[Any, Any], found: Posted, processes: int, stop: asyncio.Event
) -> bool:
    """Take parts of a work as long as there are any; returns whether it has ended."""
    work = form.work.validate_json(found.work)
    stint = Stint(postgres, form, found.id, work, servers, found.parts, min(processes, found.parts))
    log.info("assists", kind=form.kind, work=found.id)
    try:
        await unless_set(stop, stint.run(leads=False))
    except WorkGoneError:
        log.warning("work_gone", kind=form.kind, work=found.id, note="it has ended, or nobody leads it any more")
        return True
    except (FoldFailedError, BrokenFoldError, ProcessDiedError) as error:
        log.warning("assisting_failed", kind=form.kind, work=found.id, error=str(error))
        await stint.fail(error)
        return True
    if stop.is_set():
        await stint.give_up()
    log.info("assisted", kind=form.kind, work=found.id)
    return False
