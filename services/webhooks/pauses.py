"""How long until the next attempt: sooner at first, then later and later, over three days, and as asked for."""

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
#: Behind one that is given up nothing waits on that is older: it has had its three days, too.
BEHIND_MOST = timedelta(days=3)
#: Nothing is open for longer, whatever it waits for: that its destination is switched on, or a key is there.
OPEN_MOST = timedelta(days=30)
#: What somebody of ours has to mend first is looked at again this often.
OURS = timedelta(minutes=1)
#: A destination that asks for time is sent nothing else for so long at most; then another delivery is tried.
REST_MAX = timedelta(minutes=5)
#: A pause is longer by up to so much of itself, so that what failed together is not tried together.
_SPREAD = 0.1
#: A receiver is waited for as long as the longest pause, whatever it asks for.
ASKED_MAX = timedelta(hours=24)
#: As HTTP has it today; older forms are no longer written.
_DATE = "%a, %d %b %Y %H:%M:%S GMT"
_SECONDS = re.compile(r"[0-9]{1,12}")


def asked_pause(retry_after: str, now: datetime) -> timedelta | None:
    """What `Retry-After` asks for, ASKED_MAX at most: so many seconds, or until a date as HTTP writes it, of which none
    is negative. None: it is neither."""
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        return min(timedelta(seconds=int(text)), ASKED_MAX)
    try:
        until = datetime.strptime(text, _DATE).replace(tzinfo=UTC)
    except ValueError:
        return None
    return min(max(until - now, timedelta(0)), ASKED_MAX)


def pause_after(attempts: int, delivery_id: str, retry_after: timedelta | None = None) -> timedelta | None:
    """From the end of this attempt, 1 or later, to the next one, not before `retry_after`; None: it was the last."""
    if attempts > len(PAUSES):
        return None
    part = sha256(f"{delivery_id} {attempts}".encode()).digest()[0] / 255
    return max(PAUSES[attempts - 1], retry_after or timedelta(0)) * (1 + _SPREAD * part)
