"""Waits for jobs of a live organization: bill jobs and exports."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from services.simulate.live_wire import ApiFailedError

#: Time limit in seconds. A job of a story takes milliseconds, but in a busy system it may wait behind many others.
JOB_SECONDS = 180.0
_LOOK_SECONDS = (0.02, 0.3)
_DONE, _NEVER_DONE = ("COMPLETE", "SUCCEEDED"), ("CANCELLED", "FAILED")


def until_done(call: Callable[..., Any], organization: str, path: str) -> Mapping[str, Any]:
    """The finished job at this path below the organization. Raises: ApiFailedError if it fails, or takes over
    JOB_SECONDS.
    """
    started, pause = time.monotonic(), _LOOK_SECONDS[0]
    job: Mapping[str, Any] = call("GET", path)
    while job["status"] not in _DONE:
        if job["status"] in _NEVER_DONE or time.monotonic() - started > JOB_SECONDS:
            what = f"is {job['status']} after {time.monotonic() - started:.0f} s: do relay, ingest, projector run?"
            raise ApiFailedError("GET", f"organizations/{organization}/{path}", what)
        time.sleep(pause)
        pause = min(2 * pause, _LOOK_SECONDS[1])
        job = call("GET", path)
    return job
