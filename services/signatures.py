"""What the operator signs: JSON Web Signatures (RFC 7515) by Ed25519, which whoever has the public key can verify.

The key follows from the operator's secret, so that there is one thing to keep. A token carries the public key, and
names it by its thumbprint (RFC 7638): that is what an operator tells those who are to trust what it signs. One content
has one token, however often it is signed.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.failures import ExpectedFailure, Worded

_ALGORITHM = "EdDSA"
#: The members of a public key beside its bytes, `x`.
_KIND = {"crv": "Ed25519", "kty": "OKP"}


class NoSecretError(Worded, ExpectedFailure):
    """TRUEUP_CHECKPOINT_SECRET, or TRUEUP_CHECKPOINT_SECRET_FILE, is not given: without it no checkpoint is kept, and
    none can be trusted
    """


class OtherKeyError(Worded):
    """it is signed with another key"""


class ForgedError(Worded):
    """it is not what was signed"""


class Signed(NamedTuple):
    """What a token says, and by which key it is signed."""

    key: str
    content: Any


class Signer:
    """Signs with the operator's key. `audience` is what kind of content it is: none passes for another."""

    def __init__(self, secret: bytes, audience: str) -> None:
        seed = hmac.new(secret, b"the key that checkpoints are signed with", sha256).digest()
        self._private, self._audience = Ed25519PrivateKey.from_private_bytes(seed), audience
        public = _encoded(self._private.public_key().public_bytes_raw())
        self._public = {**_KIND, "x": public}
        self.key = _thumbprint(self._public)

    def sign(self, content: Mapping[str, Any]) -> str:
        """The content as a token."""
        return jwt.encode(
            {"aud": self._audience, **content},
            self._private,
            algorithm=_ALGORITHM,
            headers={"kid": self.key, "jwk": self._public},
        )

    def read(self, token: str) -> dict[str, Any]:
        """What was signed with this key. Raises: OtherKeyError, ForgedError."""
        content: dict[str, Any] = read_signed(token, self._audience, self.key).content
        return content


def read_signed(token: str, audience: str, key: str | None = None) -> Signed:
    """What was signed with the key of this thumbprint; None: with whichever key the token names.

    Raises: OtherKeyError, ForgedError.
    """
    try:
        header = jwt.get_unverified_header(token)
        if key is not None and header.get("kid") != key:
            raise OtherKeyError
        public = header.get("jwk")
        if not isinstance(public, dict) or header.get("kid") != _thumbprint(public):
            raise ForgedError
        content = jwt.decode(token, _public_key(public), algorithms=[_ALGORITHM], audience=audience)
    except (jwt.PyJWTError, TypeError, ValueError, RecursionError) as error:
        raise ForgedError from error
    return Signed(header["kid"], content)


def _public_key(public: Mapping[str, Any]) -> Ed25519PublicKey:
    """The key of exactly those members that the thumbprint covers.

    No library may look for the key among others: a private key beside somebody else's `x` could sign in that name.
    Raises: ForgedError; TypeError, ValueError for an `x` that is no key.
    """
    if public != {**_KIND, "x": public.get("x")}:
        raise ForgedError
    return Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(public["x"] + "="))


def _thumbprint(public: Mapping[str, Any]) -> str:
    """RFC 7638, of a key of Ed25519."""
    members = ",".join(f'"{name}":"{public.get(name)}"' for name in ("crv", "kty", "x"))
    return _encoded(sha256(f"{{{members}}}".encode()).digest())


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
