"""A row holds of a commitment all that the facts said."""

import json
from dataclasses import replace
from decimal import Decimal

from services.store.extras import extra_of
from services.store.view import _STAMPS, entity_of
from tests.commands.world import create, given, id_of, update


def test_a_commitment_that_was_amended_is_the_same_from_its_row() -> None:
    story = given(create("commitment", "ahead", accountId="@acme", amount=100))
    for version, amount in enumerate((200, 200, 100), start=1):
        story.given(update("commitment", "ahead", version, accountId="@acme", amount=amount))
    held = story.resources.commitments[id_of("ahead")]
    assert held.amounts == (Decimal(100), Decimal(200))
    row = {name: getattr(held, name) for name in ("id", "version", *_STAMPS)}
    row |= {"kind": "commitment", "body": held.body.model_dump_json(by_alias=True, exclude_unset=True)}
    assert entity_of(row | {"extra": json.dumps(extra_of(held))}) == held
    of_before = json.dumps({name: value for name, value in extra_of(held).items() if name != "amounts"})
    assert replace(held, amounts=()) == entity_of(row | {"extra": of_before})
