"""What is signed is verified by Standard Webhooks' own library, as receivers do; secrets at rest."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.webhooks.sealing import CannotOpenError, Sealer
from services.webhooks.signing import headers_of, is_secret, secret_of

BODY = '{"type":"alert.funds.used","data":{"name":"Žofie"}}'
OLD, NEW, OTHER = (secret_of(bytes([number]) * 32) for number in (1, 2, 3))


def test_a_receiver_verifies_what_is_sent() -> None:
    headers = headers_of("msg_1", datetime.now(UTC), BODY, [NEW])
    assert Webhook(NEW).verify(BODY, headers)["type"] == "alert.funds.used"
    for wrong, body, sent in (
        (OTHER, BODY, headers),
        (NEW, BODY + " ", headers),
        (NEW, BODY, headers | {"webhook-id": "msg_2"}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(wrong).verify(body, sent)


def test_while_two_secrets_are_good_either_verifies() -> None:
    headers = headers_of("msg_1", datetime.now(UTC), BODY, [NEW, OLD])
    assert len(headers["webhook-signature"].split(" ")) == 2
    for good in (OLD, NEW):
        Webhook(good).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, headers)


def test_what_was_sent_long_ago_is_not_taken() -> None:
    headers = headers_of("msg_1", datetime(2026, 1, 1, tzinfo=UTC), BODY, [NEW])
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(NEW).verify(BODY, headers)


@pytest.mark.parametrize(
    "text", ["", "whsec_", "secret", "whsec_x", secret_of(b"short"), secret_of(b"x" * 65), NEW[6:]]
)
def test_what_no_receiver_could_use_is_no_secret(text: str) -> None:
    assert not is_secret(text)
    assert is_secret(NEW) and is_secret(secret_of(b"x" * 24))


def test_a_secret_is_sealed_with_a_key_and_opened_by_the_same_one_only() -> None:
    kept, is_sealed = Sealer("k" * 32).sealed(NEW)
    assert is_sealed and NEW.encode() not in kept
    assert Sealer("k" * 32).opened(kept, is_sealed) == NEW
    for other, told in ((Sealer("l" * 32), "another key"), (Sealer(None), "does not have")):
        with pytest.raises(CannotOpenError, match=told):
            other.opened(kept, is_sealed)
    plain, is_sealed = Sealer(None).sealed(NEW)
    assert Sealer("k" * 32).opened(plain, is_sealed) == NEW and not is_sealed
