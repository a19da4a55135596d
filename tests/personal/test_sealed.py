"""A personal text sealed: nobody reads it without the key, and equal texts of one account stay equal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.personal.keyring import Keyring, NoPersonalKeyError, Wrapped, WrongPersonalKeyError
from services.personal.keys import new_key
from services.personal.sealed import MARK, TOMBSTONE, Sealer, is_sealed, keys_in, opened, opened_in_json

ALICE, BOB = Sealer(*new_key()), Sealer(*new_key())
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(TEXTS)
def test_what_was_sealed_is_opened_by_its_key_alone(text: str) -> None:
    sealed = ALICE.seal(text)
    assert is_sealed(sealed) and keys_in(sealed) == {ALICE.key_id}
    assert opened(sealed, {ALICE.key_id: ALICE}) == text
    assert opened(sealed, {ALICE.key_id: None}) == TOMBSTONE
    assert opened(sealed, {ALICE.key_id: BOB, BOB.key_id: ALICE}) == sealed


@given(TEXTS, TEXTS)
def test_texts_are_equal_as_long_as_they_are_sealed_as_they_were_before(one: str, other: str) -> None:
    assert (ALICE.seal(one) == ALICE.seal(other)) == (one == other)
    assert ALICE.seal(one) != BOB.seal(one)


@given(st.lists(TEXTS))
def test_whatever_is_sealed_in_a_document_is_opened_as_json_has_it(texts: list[str]) -> None:
    sealed = json.dumps({"texts": [ALICE.seal(text) for text in texts], "plain": texts})
    plain = opened_in_json(sealed, {ALICE.key_id: ALICE})
    assert json.loads(plain) == {"texts": texts, "plain": texts}


@given(st.lists(TEXTS))
def test_and_so_is_what_is_sealed_in_a_document_that_is_a_text_of_another(texts: list[str]) -> None:
    """As the body of a delivery is, in an answer that shows it."""
    inner = json.dumps({"texts": [ALICE.seal(text) for text in texts], "plain": texts})
    shown = json.loads(opened_in_json(json.dumps([inner, json.dumps([inner])]), {ALICE.key_id: ALICE}))
    assert [json.loads(shown[0]), json.loads(json.loads(shown[1])[0])] == [{"texts": texts, "plain": texts}] * 2


def test_a_text_has_no_plain_letter_of_its_own_once_it_is_sealed() -> None:
    sealed = ALICE.seal("alice@example.com")
    assert sealed.startswith(MARK) and "alice" not in sealed and "@" not in sealed
    assert ALICE.seal_once(sealed) == sealed
    assert ALICE.seal("") == ""


@pytest.mark.parametrize("text", ["sealed1.", "sealed1.abc.def", f"{MARK}AAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAA", "x"])
def test_what_only_looks_sealed_stays_as_it_is(text: str) -> None:
    assert opened(text, {ALICE.key_id: ALICE}) == text


def test_what_somebody_made_up_under_a_key_that_there_is_stays_as_it_is() -> None:
    forged = f"{MARK}{ALICE.key_id}.{'A' * 40}"
    assert opened(forged, {ALICE.key_id: ALICE}) == forged


def test_what_only_stands_in_a_string_is_somebody_elses_and_breaks_no_document() -> None:
    token = ALICE.seal('", "x": "y')
    for document in ({"description": f"see {token}"}, {"inner": json.dumps({"description": f"see {token}"})}):
        sealed = json.dumps(document)
        assert opened_in_json(sealed, {ALICE.key_id: ALICE}) == sealed


def test_a_tombstone_that_is_sent_back_means_what_it_stands_for() -> None:
    lost = ALICE.seal("Ann")
    assert BOB.seal_over(TOMBSTONE, lost) == lost, "it was sealed with another key, which is gone"
    assert BOB.seal_over(TOMBSTONE, BOB.seal("Ann")) == BOB.seal(TOMBSTONE), "this one can be read still"
    assert BOB.seal_over(TOMBSTONE, None) == BOB.seal(TOMBSTONE)
    assert BOB.seal_over("Ann", lost) == BOB.seal("Ann")


FIRST, SECOND = "the first key of an operator, long enough", "the second key of an operator, long enough"


def test_the_operators_key_is_replaced_line_by_line() -> None:
    wrapped = Keyring(FIRST).wrapped("acme", b"an account's key")
    both = Keyring(f"{SECOND}\n\n{FIRST}\n")
    assert both.unwrapped("acme", "id", wrapped) == b"an account's key"
    rewrapped = both.rewrapped("acme", "id", wrapped)
    assert Keyring(SECOND).unwrapped("acme", "id", rewrapped) == b"an account's key"
    assert (rewrapped.by, wrapped.by) == (both.first, Keyring(FIRST).first) and rewrapped.by != wrapped.by
    with pytest.raises(WrongPersonalKeyError, match="key id of organization acme was encrypted with an operator's"):
        Keyring(SECOND).unwrapped("acme", "id", wrapped)
    with pytest.raises(WrongPersonalKeyError):
        Keyring(SECOND).rewrapped("acme", "id", wrapped)


def test_without_a_key_nothing_is_sealed_plainly() -> None:
    with pytest.raises(NoPersonalKeyError, match="TRUEUP_PERSONAL_KEY_FILE"):
        Keyring().wrapped("acme", b"key")
    with pytest.raises(NoPersonalKeyError):
        Keyring("\n").unwrapped("acme", "id", Wrapped(b"key", ""))
