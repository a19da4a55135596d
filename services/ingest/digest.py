"""The 16 bytes by which a usage record is known again: 12 of who sent which id, 4 of what it said.

Both go into the log with every `UsageRated`, so the definitions here are fixed for ever: a changed one would take every
repeated record of the last 35 days for new. Texts contain no NUL (refused before), so joining by NUL loses nothing.
"""

from collections.abc import Mapping
from hashlib import blake2b

ID_BYTES = 12
CONTENT_BYTES = 4
DIGEST_BYTES = ID_BYTES + CONTENT_BYTES


def id_digest(organization: str, account_id: str, source: str, usage_id: str) -> bytes:
    """12 bytes of (organization, account, source, id)."""
    return blake2b(f"{organization}\0{account_id}\0{source}\0{usage_id}".encode(), digest_size=ID_BYTES).digest()


def content_digest(
    meter_id: str, time: str, numbers: Mapping[str, str], categories: Mapping[str, Mapping[str, str]]
) -> bytes:
    """4 bytes of the content in normal form.

    `time` is UTC; `numbers` are plain texts, whose trailing zeros do not count (1.0 is 1.00); order does not count.
    """
    parts = [meter_id, time]
    for code in sorted(numbers):
        parts.append(code)
        parts.append(_shortest(numbers[code]))
    for category, fields in categories.items():
        parts.append(f"\0{category}")
        for code in sorted(fields):
            parts.append(code)
            parts.append(fields[code])
    return blake2b("\0".join(parts).encode(), digest_size=CONTENT_BYTES).digest()


def _shortest(number: str) -> str:
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return number if number != "-0" else "0"
