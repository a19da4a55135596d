"""Secrets and signatures by Standard Webhooks (https://www.standardwebhooks.com), with their own library."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook as Signer

#: The prefix of a secret, and the number of random bytes behind it, in base64.
PREFIX = "whsec_"
BYTES_LEAST, BYTES_MOST = 24, 64
#: The number of bytes in secrets made here.
BYTES = 32


def secret_of(random: bytes) -> str:
    """A secret of these bytes."""
    return PREFIX + base64.b64encode(random).decode()


def is_secret(text: str) -> bool:
    """Whether a text is a secret that the receiver's library accepts, too."""
    if not text.startswith(PREFIX):
        return False
    try:
        return BYTES_LEAST <= len(base64.b64decode(text.removeprefix(PREFIX), validate=True)) <= BYTES_MOST
    except (binascii.Error, ValueError):
        return False


def digest_of(secret: str) -> bytes:
    """A digest for comparing secrets: nobody can guess 24 random bytes from it."""
    return hashlib.sha256(secret.encode()).digest()


def headers_of(delivery_id: str, now: datetime, body: str, secrets: Sequence[str]) -> dict[str, str]:
    """The headers with id, time and signatures: one signature per secret, newest first."""
    signatures = [Signer(secret).sign(delivery_id, now, body) for secret in secrets]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
