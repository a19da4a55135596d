"""Which events a destination is sent, by their names."""

import pytest

from events.resources.webhooks import Webhook, is_address, wants
from services.commands.bodies import parse_body, parse_model
from services.commands.refused import InvalidBody, InvalidField
from services.commands.webhook_rules import check_webhook

BODY = {"name": "N", "description": "D", "url": "https://hooks.acme.example/a?b=c"}


@pytest.mark.parametrize(
    ("asked", "passing", "kept"),
    [
        (None, ("alert.funds.used", "automatic.topup", "Notification"), ("configuration.plan.created",)),
        (("*",), ("alert.funds.used", "Notification", "billing.balance.created"), ()),
        (("alert.funds.*",), ("alert.funds.used",), ("alert.term.ends", "alert.funds", "alert.fundsx.used")),
        (("billing.balance.created",), ("billing.balance.created",), ("billing.balance.createdx", "Notification")),
        ((), ("alert.funds.used",), ("billing.balance.created",)),
    ],
)
def test_a_filter_lets_names_pass(
    asked: tuple[str, ...] | None, passing: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    assert all(wants(asked, name) for name in passing)
    assert not any(wants(asked, name) for name in kept)


def test_a_filter_names_what_there_is() -> None:
    check_webhook(
        parse_model(
            Webhook, BODY | {"eventTypes": ["*", "Notification", "alert.*", "automatic.bill", "configuration.plan.*"]}
        )
    )
    for wrong in ("alert.nothing", "nothing.*", ".*", "alert.", "Notifications"):
        with pytest.raises(InvalidField, match=r"eventTypes\[0\]"):
            check_webhook(parse_model(Webhook, BODY | {"eventTypes": [wrong]}))


@pytest.mark.parametrize(
    "url",
    [
        *("hooks.acme.example", "ftp://acme.example", "https://", "https:///a", "https://user@acme.example/"),
        *("https://u:p@acme.example", "https://acme.example/#a", "https://acme.example/a b", "https://acme.example:x/"),
        *("https://acme.example:0/", "https://acme.example/\n", "https://žofie.example/", "https://[::1"),
    ],
)
def test_what_nothing_can_be_sent_to_is_no_address(url: str) -> None:
    assert not is_address(url)
    with pytest.raises(InvalidBody, match="url"):
        parse_body("webhook", BODY | {"url": url})


def test_credentials_are_no_part_of_the_body_that_the_log_keeps() -> None:
    with pytest.raises(InvalidBody, match="credentials"):
        parse_body("webhook", BODY | {"credentials": {"secret": "x"}})
