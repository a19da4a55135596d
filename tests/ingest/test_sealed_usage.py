"""Usage of an organization that keeps keys, without servers: whom it names is sealed as it is written, and not told."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codec import decode
from events.facts.base import Fact
from events.facts.resources import AccountForgotten
from events.facts.usage import UsageRated
from services.ingest.sealing import may_be_of
from services.kafka import FetchedRecord
from services.personal.keys import new_key
from services.personal.sealed import MARK, Sealer
from tests.ingest.bench import Bench, a_record
from tests.ingest.world import World

WORLD = World("org", 1, personalData="ERASABLE")
ANN = {"user": "ann-quietly"}


class Keeping(Bench):
    """All accounts have keys."""

    def __init__(self) -> None:
        super().__init__(WORLD)
        self.accounts = [WORLD.account_id(code) for code in WORLD.codes]
        self.seal_anew(*self.accounts)

    def seal_anew(self, *accounts: str) -> None:
        self.catalogs.know({account: Sealer(*new_key()) for account in accounts})

    def sealed(self, account: str, text: str) -> str:
        """As the account's key seals it."""
        sealer = self.catalogs.sealer(account)
        assert sealer is not None
        return sealer.seal(text)

    def forget(self, account: str) -> None:
        fact: Fact = AccountForgotten(id=account, version=2, key_ids=())
        self.learn([(fact.model_copy(update={"root_id": account}), None)])


def who(bench: Bench, *values: bytes) -> list[str]:
    """Whom the records that were written name, as they do."""
    facts = [decode(record.value or b"").data for record in bench.take(*values).records]
    return [fact.who["user"] for fact in facts if isinstance(fact, UsageRated)]


def test_it_is_sealed_with_its_accounts_key_and_known_again() -> None:
    bench = Keeping()
    first, other, of_other = who(
        bench,
        WORLD.usage("a", data={"who": ANN}),
        WORLD.usage("b", data={"who": ANN}),
        WORLD.usage("c", subject="acme-1", data={"who": ANN}),
    )
    assert first == other == bench.sealed(bench.accounts[0], ANN["user"])
    assert of_other == bench.sealed(bench.accounts[1], ANN["user"]) != first
    again = bench.take(WORLD.usage("a", data={"who": ANN}))
    assert again.counts.duplicate == 1 and not again.rejected


def test_what_comes_after_a_forgetting_is_sealed_anew_and_is_another_event() -> None:
    bench = Keeping()
    [before] = who(bench, WORLD.usage("a", data={"who": ANN}))
    [account, *_] = bench.accounts
    bench.forget(account)
    assert not bench.catalogs.knows(account) and bench.catalogs.knows(bench.accounts[1])
    bench.seal_anew(account)
    [after] = who(bench, WORLD.usage("b", data={"who": ANN}))
    assert before != after and after == bench.sealed(account, ANN["user"])
    [refused] = bench.take(WORLD.usage("a", data={"who": ANN})).rejected
    assert dict(refused.headers)["trueup-reason"] == b"id-conflict"


def test_what_cannot_be_sealed_is_refused_and_nobody_elses_waits() -> None:
    """The operator's key is missing: it is told, and is replayed once that is there."""
    bench = Bench(WORLD)
    outcome = bench.take(WORLD.usage("a", data={"who": ANN}), WORLD.usage("b"))
    reasons = {dict(record.headers)["trueup-reason"] for record in outcome.rejected}
    assert (reasons, len(outcome.rejected), outcome.counts.rated) == ({b"not-sealed"}, 2, 0)


@pytest.mark.parametrize(
    "data",
    [
        {"who": {"user": ANN["user"] * 1_000}},
        {"who": {"user": ANN["user"] + "\0"}},
        {"who": {"user": [ANN["user"]]}},
        {"who": ANN["user"]},
        {"who": ANN | {"nobody": ANN["user"]}},
        {"who": ANN, "measure": {"user": ANN["user"]}},
        {"who": ANN, "where": ANN},
        {"who": ANN, "meter": "none"},
        {"who": ANN, "ets": "2026-01-01T00:00:00Z"},
    ],
    ids=json.dumps,
)
def test_why_it_is_refused_names_nobody(data: dict[str, Any]) -> None:
    """The rule is kept in Postgres, and told by answers; what was sent stays in `usage.rejected`."""
    [refused] = Keeping().take(WORLD.usage("a", data=data)).rejected
    headers = dict(refused.headers)
    assert headers["trueup-rule"] and ANN["user"].encode() not in b"".join(value or b"" for value in headers.values())
    assert MARK.encode() not in headers["trueup-rule"]


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@given(NAMES, NAMES, st.booleans())
def test_what_may_be_of_an_organization_is_never_overlooked(name: str, other: str, ascii_only: bool) -> None:
    """However JSON spells the name; and records of others alone are passed over, if nothing is spelt in them."""

    def records(organization: str) -> list[FetchedRecord]:
        event = json.loads(WORLD.usage("a")) | {"organization": organization}
        return [
            a_record(value, 0)
            for value in (WORLD.usage("b"), None, json.dumps(event, ensure_ascii=ascii_only).encode())
        ]

    assert may_be_of({other, name}, records(name))
    assert not may_be_of((), records(name))
    assert may_be_of({other}, [a_record(b"{}", 0, [("ce_organization", other.encode())])])
    plain = records("another")
    assert may_be_of({other}, plain) == (other.encode() in b"".join(record.value or b"" for record in plain))
