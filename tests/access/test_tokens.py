"""A bearer token is believed if this API signed it, for this purpose, and its time is not over."""

import base64
import json
import time
from typing import Any

import jwt
import pytest

from services.access.denials import ExpiredTokenError, NoTokenError, NotSignedInError, WrongTokenError
from services.access.gate import Gate
from services.access.scopes import ALL, Scope, scopes_of, with_implied
from services.access.tokens import EVERY, TOKEN_SECONDS, Tokens

SECRET = b"a secret of more than sixty-four bytes, as many as any of the algorithms wants to have"
TOKENS = Tokens(SECRET)
READ = frozenset({Scope.READ})
#: The head of a token that is nested too deeply to be read.
NESTED = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 20_000).decode().rstrip("=")


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    times = {"iat": now, "exp": now + 10_000}
    right = {"sub": "key", "org": "acme", "scope": "read", "aud": "trueup", "iss": "trueup", **times}
    return {name: value for name, value in (right | more).items() if value is not None}


def signed(document: dict[str, Any], secret: bytes = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(document, secret, algorithm=algorithm)


def unsigned(document: dict[str, Any]) -> str:
    """`alg: none`, by hand: no library makes it gladly."""
    parts = ({"alg": "none", "typ": "JWT"}, document)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def test_a_token_says_whose_it_is_and_what_it_is_good_for() -> None:
    identity = TOKENS.read(TOKENS.sign("key", "acme", frozenset({Scope.AUDIT, Scope.USAGE})))
    assert (identity.access_key_id, identity.organization, identity.actor) == ("key", "acme", "USER_key")
    assert identity.scopes == {Scope.AUDIT, Scope.READ, Scope.USAGE}
    assert TOKEN_SECONDS - 2 <= identity.expires - time.time() <= TOKEN_SECONDS
    assert identity.is_of("acme") and not identity.is_of("other") and not identity.is_operators
    operators = TOKENS.read(TOKENS.sign("key", EVERY, READ))
    assert operators.is_of("acme") and operators.is_of("other") and operators.is_operators


@pytest.mark.parametrize(
    "token",
    [
        "",
        "token",
        "a.b.c",
        "\u00e9.\u00e9.\u00e9",
        unsigned(claims()),
        signed(claims(), SECRET[::-1]),
        signed(claims(), algorithm="HS512"),
        signed(claims(aud="other")),
        signed(claims(iss="other")),
        *(signed(claims(**{name: None})) for name in claims()),
        signed(claims())[:-2],
        f"{NESTED}.e30.AAAA",
    ],
)
def test_what_this_api_did_not_sign_is_no_token(token: str) -> None:
    with pytest.raises(WrongTokenError):
        TOKENS.read(token)


def test_a_right_token_is_read_as_the_wrong_ones_are_made() -> None:
    assert TOKENS.read(signed(claims())).scopes == READ
    assert TOKENS.read(signed(claims(iat=int(time.time()) + 30))).scopes == READ  # another host's clock is ahead


def test_a_token_ends_also_while_it_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExpiredTokenError):
        TOKENS.read(signed(claims(exp=int(time.time()) - 1)))
    token = TOKENS.sign("key", "acme", READ)
    TOKENS.read(token)
    later = time.time() + TOKEN_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(ExpiredTokenError):
        TOKENS.read(token)


def test_few_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.access.tokens._REMEMBERED", 3)
    tokens = Tokens(SECRET)
    for number in range(10):
        tokens.read(tokens.sign(f"key-{number}", "acme", READ))
    assert len(tokens._remembered) == 3


@pytest.mark.parametrize(
    ("held", "implied"),
    [
        ((), ()),
        (("read",), ("read",)),
        (("write",), ("write",)),
        (("usage",), ("usage",)),
        (("audit",), ("audit", "read")),
        (("admin",), tuple(ALL)),
        (("of another version", "read"), ("read",)),
    ],
)
def test_scopes_come_with_others(held: tuple[str, ...], implied: tuple[str, ...]) -> None:
    assert with_implied(scopes_of(held)) == set(implied)


class Standing:
    """A database that knows no revoked key."""

    async def fetch(self, *_: Any) -> list[Any]:
        return []


@pytest.fixture
async def gate() -> Gate:
    gate = Gate("postgresql://nobody@127.0.0.1:1/none", SECRET.decode())
    await gate.look(Standing())
    return gate


async def test_a_request_bears_its_token(gate: Gate) -> None:
    token = TOKENS.sign("key", "acme", READ)
    for header in (f"Bearer {token}", f"bearer  {token} "):
        assert gate.bearer_of(header).access_key_id == "key"
    for header in ("", "Bearer", "Bearer ", token, f"Basic {token}"):
        with pytest.raises(NoTokenError):
            gate.bearer_of(header)


async def test_a_link_opens_its_own_path_alone(gate: Gate) -> None:
    link = TOKENS.sign("key", "acme", READ, seconds=60, path="/a")
    assert gate.linked(link, "/a").access_key_id == "key"
    with pytest.raises(WrongTokenError):
        gate.linked(link, "/b")
    with pytest.raises(WrongTokenError):
        gate.bearer_of(f"Bearer {link}")
    with pytest.raises(WrongTokenError):
        gate.linked(TOKENS.sign("key", "acme", READ), "/a")


def test_every_refusal_says_how_to_sign_in() -> None:
    assert {kind.scheme for kind in NotSignedInError.__subclasses__()} == {"Bearer", "Basic"}
