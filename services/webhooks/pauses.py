"""The pause until the next attempt: short at first, then longer and longer, over three days, or as the receiver
asks.
"""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256

#: Until the second attempt, the third, ...: 13 attempts in all, the last one three days after the first.
PAUSES = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(hours=4),
    timedelta(hours=8),
    timedelta(hours=12),
    timedelta(hours=20),
    timedelta(hours=24),
)
#: Deliveries older than this behind a given-up one are given up as well: they have had their three days.
BEHIND_MOST = timedelta(days=3)
#: No delivery stays open for longer, whether its destination is off or a key is missing.
OPEN_MOST = timedelta(days=30)
#: How often to retry when a fault on our side has to be fixed first.
OURS = timedelta(minutes=1)
#: Longest pause of a destination's other deliveries at its request; then another delivery is tried.
REST_MAX = timedelta(minutes=5)
#: A pause is longer by up to this part of itself, so that simultaneous failures are not retried simultaneously.
_SPREAD = 0.1
#: Longest pause at a receiver's request.
ASKED_MAX = timedelta(hours=24)
#: HTTP's present date format; older forms are no longer written.
_DATE = "%a, %d %b %Y %H:%M:%S GMT"
_SECONDS = re.compile(r"[0-9]{1,12}")


def asked_pause(retry_after: str, now: datetime) -> timedelta | None:
    """The pause that `Retry-After` asks for, at most ASKED_MAX: a number of seconds, or until an HTTP date, never
    negative. None: it is neither.
    """
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        return min(timedelta(seconds=int(text)), ASKED_MAX)
    try:
        until = datetime.strptime(text, _DATE).replace(tzinfo=UTC)
    except ValueError:
        return None
    return min(max(until - now, timedelta(0)), ASKED_MAX)


def pause_after(attempts: int, delivery_id: str, retry_after: timedelta | None = None) -> timedelta | None:
    """The pause from the end of this attempt, 1 or later, to the next one, at least `retry_after`; None: it was the
    last.
    """
    if attempts > len(PAUSES):
        return None
    part = sha256(f"{delivery_id} {attempts}".encode()).digest()[0] / 255
    return max(PAUSES[attempts - 1], retry_after or timedelta(0)) * (1 + _SPREAD * part)
