"""How long until the next attempt: sooner at first, then later and later, over three days."""

from datetime import timedelta
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
#: A pause is longer by up to so much of itself, so that what failed together is not tried together.
_SPREAD = 0.1


def pause_after(attempts: int, delivery_id: str) -> timedelta | None:
    """From the end of this attempt, 1 or later, to the next one; None: it was the last."""
    if attempts > len(PAUSES):
        return None
    part = sha256(f"{delivery_id} {attempts}".encode()).digest()[0] / 255
    return PAUSES[attempts - 1] * (1 + _SPREAD * part)
