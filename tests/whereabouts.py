"""Where tasks wait, for the message of a wait that was in vain."""

import asyncio
from collections.abc import Iterator
from typing import Any


def everybodys() -> str:
    """Every task of the running loop, each with the lines at which it waits."""
    return "\n".join(f"{task.get_name()}: {' > '.join(lines_of(task))}" for task in asyncio.all_tasks())


def lines_of(task: "asyncio.Task[Any]") -> list[str]:
    """The lines of code at which the task waits, outermost first, and what the innermost waits for. A traceback of a
    waiting task would have its outermost only.
    """
    return list(_lines(task.get_coro()))


def _lines(awaited: Any) -> Iterator[str]:
    while awaited is not None:
        frames = (getattr(awaited, name, None) for name in ("cr_frame", "gi_frame", "ag_frame"))
        frame = next((frame for frame in frames if frame is not None), None)
        if frame is None:
            yield repr(awaited)
            return
        path = "/".join(frame.f_code.co_filename.rsplit("/", 2)[1:])
        yield f"{path}:{frame.f_lineno} {frame.f_code.co_name}"
        following = (getattr(awaited, name, None) for name in ("cr_await", "gi_yieldfrom", "ag_await"))
        awaited = next((inner for inner in following if inner is not None), None)
