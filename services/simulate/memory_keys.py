"""Accounts' keys of a story in memory, in an organization that keeps keys: what is personal is sealed by the services'
own functions, and forgotten with its key."""

from events.facts.base import Fact
from events.facts.resources import AccountDeleted, AccountForgotten, ResourceFact
from events.resources.base import Resource
from projections.resources import Resources
from services.personal.fields import changed_body, changed_fact, has_personal, marked_by
from services.personal.keys import new_key
from services.personal.sealed import Sealer, opened
from services.store.execute import body_before, place_of


class MemoryKeys:
    """One good key of an account at a time, made when something of it is first sealed."""

    def __init__(self) -> None:
        #: By account.
        self._good: dict[str, Sealer] = {}
        #: By the key's id; None: it is destroyed.
        self._called: dict[str, Sealer | None] = {}

    def sealer(self, account_id: str) -> Sealer:
        """Who seals for the account."""
        sealer = self._good.get(account_id)
        if sealer is None:
            sealer = self._good[account_id] = Sealer(*new_key())
            self._called[sealer.key_id] = sealer
        return sealer

    def ids(self, account_id: str) -> tuple[str, ...]:
        """The ids of the account's keys: of the one that is good, or none."""
        sealer = self._good.get(account_id)
        return () if sealer is None else (sealer.key_id,)

    def kept(self, resources: Resources, fact: Fact) -> Fact:
        """A fact as it is kept. One by which an account is forgotten, or deleted, destroys its key."""
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
        """A body as answers have it: opened, or with the tombstone in the place of what is forgotten."""
        marked = marked_by(resources.configured)
        return body if marked is None else changed_body(body, marked, lambda text, before: opened(text, self._called))
