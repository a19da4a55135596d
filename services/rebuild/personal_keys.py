"""Keys of personal data after a loss in Postgres: a backup brings destroyed keys back, and texts of lost keys stay
unreadable.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from events.facts.resources import AccountForgotten
from projections.resources import Resources
from services.personal.fields import marked_by
from services.personal.keys import destroy, key_ids, known_ids
from services.personal.sealed import keys_in

#: Keys of accounts that no longer exist.
_DESTROY_OF_NOBODY = """
UPDATE store.personal_keys held SET key = NULL WHERE organization = $1 AND key IS NOT NULL AND NOT EXISTS (
    SELECT FROM store.entities e WHERE e.organization = $1 AND e.kind = 'account' AND e.id = held.account
)
"""


@dataclass(frozen=True, slots=True)
class KeysFound:
    """Accounts whose key had come back and was destroyed again, and accounts whose key is lost."""

    came_back: int = 0
    lost: int = 0

    def __add__(self, other: "KeysFound") -> "KeysFound":
        return KeysFound(self.came_back + other.came_back, self.lost + other.lost)


async def mend_keys(connection: Any, resources: Resources, forgotten: Iterable[AccountForgotten]) -> KeysFound:
    """Destroy all keys that an organization has ever forgotten, and keys of missing accounts, and count the faults of
    its accounts' keys. Its accounts must be in the command side's view already.
    """
    organization = resources.organization
    came_back = {fact.id for fact in forgotten if await _forget_again(connection, organization, fact)}
    await connection.execute(_DESTROY_OF_NOBODY, organization)
    if marked_by(resources.configured) is None:
        return KeysFound(len(came_back))
    sealed_with = [keys_in(account.body.model_dump_json()) for account in resources.accounts.values()]
    kept_keys = await known_ids(connection, organization, set[str]().union(*sealed_with))
    return KeysFound(len(came_back), sum(not keys <= kept_keys for keys in sealed_with))


async def _forget_again(connection: Any, organization: str, fact: AccountForgotten) -> bool:
    """Destroy the keys in the fact; returns whether one of them existed."""
    good = await key_ids(connection, organization, fact.id)
    await destroy(connection, organization, fact.id, fact.key_ids)
    return not set(good).isdisjoint(fact.key_ids)
