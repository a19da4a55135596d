"""Tasks that run beside the requests, in the same process."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Crash:
    """`app.state.crashed`: set once a task beside the requests has ended by a bug; the server then ends."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    error: BaseException | None = None


def beside(work: Coroutine[Any, Any, None], crashed: Crash) -> "asyncio.Task[None]":
    """Run this task beside the requests."""
    task = asyncio.create_task(work)
    task.add_done_callback(partial(_end_with, crashed))
    return task


def _end_with(crashed: Crash, running: "asyncio.Task[None]") -> None:
    """Tasks beside the requests end by cancellation only; any other end is a bug, and must not be silent."""
    if not running.cancelled() and (error := running.exception()) is not None:
        log.critical("api_failed", exc_info=error)
        crashed.error = error
        crashed.event.set()
