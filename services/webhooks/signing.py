"""Secrets and signatures as Standard Webhooks has them (https://www.standardwebhooks.com), by their own library."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook as Signer

#: What a secret begins with, and how many bytes it has behind that, in base64.
PREFIX = "whsec_"
BYTES_LEAST, BYTES_MOST = 24, 64
#: Of those that are made here.
BYTES = 32


def secret_of(random: bytes) -> str:
    """A secret of these bytes."""
    return PREFIX + base64.b64encode(random).decode()


def is_secret(text: str) -> bool:
    """Whether a text is a secret that the receiver's library takes, too."""
    if not text.startswith(PREFIX):
        return False
    try:
        return BYTES_LEAST <= len(base64.b64decode(text.removeprefix(PREFIX), validate=True)) <= BYTES_MOST
    except (binascii.Error, ValueError):
        return False


def digest_of(secret: str) -> bytes:
    """What tells whether another secret is the same: nobody guesses 24 random bytes."""
    return hashlib.sha256(secret.encode()).digest()


def headers_of(delivery_id: str, now: datetime, body: str, secrets: Sequence[str]) -> dict[str, str]:
    """The headers that say what is sent, when, and by whom: a signature of each secret, the newest first."""
    signatures = [Signer(secret).sign(delivery_id, now, body) for secret in secrets]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
