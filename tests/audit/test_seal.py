"""A checkpoint that was signed is told from one that was changed, and from one of another key."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.audit.checkpoint import Checkpoint, OtherVersionError, Seal
from services.signatures import ForgedError, OtherKeyError, Signer, read_signed

SECRET, AUDIENCE = b"an operator's key of thirty-two bytes", "trueup-checkpoint"
SEAL, SIGNER = Seal(SECRET), Signer(SECRET, AUDIENCE)


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
    assert SEAL.read(token) == made and SEAL.sign(made) == token and SECRET.decode() not in token
    head, content, signature = token.split(".")
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    theirs = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = jwt.algorithms.OKPAlgorithm.to_jwk(theirs.public_key(), as_dict=True)
    private = jwt.algorithms.OKPAlgorithm.to_jwk(theirs, as_dict=True)
    named = {"kid": header["kid"], "jwk": header["jwk"]}
    nested = urlsafe_b64encode(b'{"alg":' + b"[" * 20_000).decode().rstrip("=")
    for forged in (
        f"{head}.{content}.{signature[:-4]}AAAA",
        f"{head}.{content[:-4]}AAAA.{signature}",
        jwt.encode(claims, theirs, algorithm="EdDSA", headers=named),
        jwt.encode(claims, theirs, algorithm="EdDSA", headers={**named, "jwk": public}),
        jwt.encode(claims, theirs, algorithm="EdDSA", headers={"kid": header["kid"]}),
        jwt.encode(claims, theirs, algorithm="EdDSA", headers={**named, "jwk": {**header["jwk"], "d": private["d"]}}),
        jwt.encode(claims, theirs, algorithm="EdDSA", headers={**named, "jwk": {**header["jwk"], "alg": "EdDSA"}}),
        f"{nested}.{content}.{signature}",
        jwt.encode(claims, header["jwk"]["x"], algorithm="HS256", headers=named),
        jwt.encode(claims, "", algorithm="none", headers=named),
        Signer(SECRET, "trueup").sign(claims | {"aud": "trueup"}),
        "",
    ):
        with pytest.raises(ForgedError):
            SEAL.read(forged)
    later = {"checkpoint": {**claims["checkpoint"], "more": 1}}
    with pytest.raises(OtherVersionError):
        SEAL.read(SIGNER.sign(later))
    with pytest.raises(OtherKeyError):
        Seal(b"another key of the very same length..").read(token)


def test_a_private_key_beside_the_operators_does_not_sign_in_his_name() -> None:
    """Older versions of the library verify with a private key that stands among the members of a public one, which the
    thumbprint does not cover."""
    header = jwt.get_unverified_header(SIGNER.sign({"n": 1}))
    private = jwt.algorithms.OKPAlgorithm.to_jwk(SIGNER._private, as_dict=True)
    beside = {**header["jwk"], "d": private["d"]}
    with pytest.raises(ForgedError):
        read_signed(jwt.encode({"aud": AUDIENCE}, SIGNER._private, "EdDSA", {**header, "jwk": beside}), AUDIENCE)


def test_whoever_has_the_public_key_reads_it_and_knows_whose_it_is() -> None:
    token = SIGNER.sign({"n": 1})
    assert read_signed(token, AUDIENCE) == (SIGNER.key, {"aud": AUDIENCE, "n": 1})
    assert read_signed(token, AUDIENCE, SIGNER.key).content["n"] == 1
    with pytest.raises(OtherKeyError):
        read_signed(token, AUDIENCE, Signer(b"x" * 32, AUDIENCE).key)


def test_a_key_is_named_as_the_standard_says() -> None:
    """The thumbprint of RFC 8037, appendix A.3."""
    from services.signatures import _thumbprint

    public = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert _thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
