"""Pure work that takes long, off the event loop: settling a big family must not hold up everybody's requests.

Threads of one process share one interpreter, so more of them compute nothing sooner; two are enough for organizations
to take turns, and one organization has one at a time. So what the families of an organization share, its catalog, is
used by one thread at a time, too.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from services.turns import Turns

P = ParamSpec("P")
R = TypeVar("R")

#: Of the process, as its one interpreter is.
_TURNS = Turns("the computing of bills and balances", most=2, share=1)


async def compute(organization: str, work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """What the work returns; it runs in a thread, in its organization's turn. Raises: what it raises, NoTurnError."""
    async with _TURNS.turn(organization):
        return await asyncio.to_thread(work, *arguments, **named)
