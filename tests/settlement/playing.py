"""Stories and random families played, for tests that ask the player more than a story can expect."""

from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from projections.rating.index import index_families
from projections.resources import Resources
from projections.settlement import Family, assemble, together
from services.commands.table import KINDS
from services.simulate.entities import Entities
from services.simulate.memory_player import MemoryPlayer
from services.simulate.naming import id_of
from services.simulate.play import play
from services.simulate.player import RefusedError, WrittenEntity
from services.simulate.story import parse_story
from services.simulate.yaml_lines import Mapping, load_yaml
from tests.settlement.stories import START, Random

#: What of an organization's resources is a family's own.
OWN = tuple(kind.attribute for kind in KINDS.values() if kind.owner != "catalog")


def play_text(text: str) -> MemoryPlayer:
    """A player that played the story; whatever this expects holds."""
    player = MemoryPlayer()
    for result in play(parse_story(load_yaml(text)), player):
        assert not result.differences, result.differences
    return player


def play_terms(family: Random) -> MemoryPlayer:
    """A player with everything of the family but usage; what a rule refuses is left out."""
    player = MemoryPlayer()
    player.configure(family.organization)
    for document in Entities(family.organization["currency"], START).documents(lined(family.lists)):
        player.create(document)
    for code, amount, day in family.transactions:
        _try(lambda code=code, amount=amount, day=day: player.transact(code, _decimal(amount), day))
    for account, day, value in family.adjustments:
        body = {"account": account, "counter": "seats", "date": day.isoformat(), "value": value}
        player.create(document_of("counterAdjustment", f"{account}/{day}", body))
    for code, amount, day in family.top_ups:
        _try(lambda code=code, amount=amount, day=day: player.top_up(code, _decimal(amount), day, False))
    for code, day, policy in family.cancels:
        _try(lambda code=code, day=day, policy=policy: player.cancel(code, day, policy))
    for change in family.changes:
        change_schedule(player, *change)
    return player


def change_schedule(player: MemoryPlayer, kind: str, code: str, day: date, amount: int | None) -> None:
    """Another amount of a schedule from a day on, or its end; of none that is there, nothing."""
    if amount is None:
        _try(lambda: player.delete(kind, code, False, day))
    else:
        _try(lambda: player.update(kind, code, {"amount": _decimal(amount)}, day))


def family_of(player: MemoryPlayer) -> Family:
    """The family of `acme` as it is now, with terms of its own."""
    return player.family(id_of("account", "acme"))


def apart_of(player: MemoryPlayer) -> Family:
    """The same put together of its own and the catalog, as the projector does."""
    whole, every = family_of(player), player.resources
    nothing: dict[str, Any] = {name: {} for name in OWN}
    catalog = replace(every, **nothing)
    own = Resources(every.organization, **{name: getattr(every, name) for name in OWN})
    both = together(catalog, own, every.clock)
    return assemble(both, whole.root_id, own, index_families(catalog), whole.totals, whole.billed)


def accounts_of(family: Random) -> list[str]:
    return [account["code"] for account in family.lists["accounts"]]


def _try(step: Any) -> None:
    with suppress(RefusedError):
        step()


def _decimal(value: int) -> Decimal:
    return Decimal(value)


def document_of(kind: str, code: str, fields: dict[str, Any]) -> WrittenEntity:
    return WrittenEntity(kind, code, 1, fields)


def lined(value: Any) -> Any:
    """Plain dicts and floats as the YAML loader gives them."""
    if isinstance(value, dict):
        mapping = Mapping(1)
        mapping.update({name: lined(member) for name, member in value.items()})
        return mapping
    if isinstance(value, list):
        return [lined(member) for member in value]
    return _decimal_of(value) if isinstance(value, float) else value


def _decimal_of(value: float) -> Decimal:
    return Decimal(repr(value))
