"""The keys of accounts in a story in memory, for an organization that keeps keys: the services' own functions seal
personal data, which is forgotten with its key.
"""

from events.facts.base import Fact
from events.facts.resources import AccountDeleted, AccountForgotten, ResourceFact
from events.resources.base import Resource
from projections.resources import Resources
from services.personal.fields import changed_body, changed_fact, has_personal, marked_by
from services.personal.keys import new_key
from services.personal.sealed import Sealer, opened
from services.store.execute import body_before, place_of


class MemoryKeys:
    """Holds at most one valid key for each account, made when a text of the account is first sealed."""

    def __init__(self) -> None:
        #: The valid sealer of each account.
        self._good: dict[str, Sealer] = {}
        #: The sealer by key id; None for a destroyed key.
        self._called: dict[str, Sealer | None] = {}

    def sealer(self, account_id: str) -> Sealer:
        """The sealer of the account."""
        sealer = self._good.get(account_id)
        if sealer is None:
            sealer = self._good[account_id] = Sealer(*new_key())
            self._called[sealer.key_id] = sealer
        return sealer

    def ids(self, account_id: str) -> tuple[str, ...]:
        """The ids of the account's keys: one if it has a valid key, else none."""
        sealer = self._good.get(account_id)
        return () if sealer is None else (sealer.key_id,)

    def kept(self, resources: Resources, fact: Fact) -> Fact:
        """The fact as it is stored, with personal texts sealed. A fact that forgets or deletes an account destroys its
        key.
        """
        if isinstance(fact, AccountForgotten | AccountDeleted) and (gone := self._good.pop(fact.id, None)) is not None:
            self._called[gone.key_id] = None
        marked = marked_by(resources.configured)
        if marked is None or not isinstance(fact, ResourceFact) or not has_personal(fact, marked):
            return fact
        account_id, _ = place_of(resources, fact)
        if account_id is None:
            return fact
        return changed_fact(fact, marked, self.sealer(account_id).seal_once, body_before(resources, fact))

    def shown(self, resources: Resources, body: Resource) -> Resource:
        """A body as answers show it: opened, with a tombstone in place of forgotten texts."""
        marked = marked_by(resources.configured)
        return body if marked is None else changed_body(body, marked, lambda text, before: opened(text, self._called))
