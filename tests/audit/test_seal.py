"""A checkpoint that was signed is told from one that was changed, and from one of another key."""

from datetime import UTC, datetime

import jwt
import pytest

from services.audit.checkpoint import Checkpoint, ForgedError, OtherKeyError, OtherVersionError, Seal

SECRET = b"an operator's key of thirty-two bytes"
SEAL = Seal(SECRET)


def test_what_was_signed_is_told_from_what_was_changed_and_what_another_signed() -> None:
    made = Checkpoint(
        number=1,
        scheme=1,
        made_at=datetime(2026, 1, 1, tzinfo=UTC),
        program="p",
        store="s",
        usage="u",
        catalog_offset=3,
        catalog_digest="c",
        segments=(),
        state="d",
    )
    token = SEAL.sign(made)
    assert SEAL.read(token) == made and SECRET.decode() not in token
    head, content, signature = token.split(".")
    key = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, options={"verify_signature": False})
    for forged in (
        f"{head}.{content}.{signature[:-4]}AAAA",
        jwt.encode(claims, "another key that knows the id of ours", algorithm="HS256", headers={"kid": key}),
        jwt.encode(claims, None, algorithm="none", headers={"kid": key}),
        jwt.encode({**claims, "aud": "trueup"}, SECRET, algorithm="HS256", headers={"kid": key}),
        "",
    ):
        with pytest.raises(ForgedError):
            SEAL.read(forged)
    later = {**claims, "checkpoint": {**claims["checkpoint"], "more": 1}}
    with pytest.raises(OtherVersionError):
        SEAL.read(jwt.encode(later, SECRET, algorithm="HS256", headers={"kid": key}))
    with pytest.raises(OtherKeyError):
        Seal(b"another key of the very same length..").read(token)
