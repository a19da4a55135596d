"""The reads of a story in memory: previews, unbilled lines, commitments, accounts."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from projections.settlement import draft_bills, settled, unbilled
from services.billing.bill_document import unpriced_documents
from services.commands.table import KINDS
from services.simulate.memory_organization import MemoryOrganization
from services.simulate.naming import id_of
from services.simulate.player import PlayedBill, PlayedUnpriced, RefusedError
from services.simulate.wording import played_bill, played_unpriced, state_document


class MemoryViews(MemoryOrganization):
    """The organization in memory with the reads of a player."""

    def preview(self, account: str, day: date) -> list[PlayedBill]:
        of_account = self._entity("account", account)
        drafts = draft_bills(self.family(of_account.root_id), date=day, account_id=of_account.id)
        return [played_bill(self._codes, draft) for draft in drafts]

    def unbilled(self, account: str, day: date) -> list[PlayedBill]:
        of_account = self._entity("account", account)
        drafts = unbilled(self.family(of_account.root_id), as_of=day, account_id=of_account.id)
        return [played_bill(self._codes, draft) for draft in drafts]

    def unpriced(self, account: str) -> list[PlayedUnpriced]:
        of_account = self._entity("account", account)
        documents = unpriced_documents(self.family(of_account.root_id), self.resources, of_account.id)
        return [played_unpriced(document, account, self._codes) for document in documents]

    def commitment(self, code: str, day: date) -> Mapping[str, Any]:
        entity = self._entity("commitment", code)
        root = self.resources.accounts[entity.body.account_id].root_id
        settlement = settled(self.family(root), day)
        shown = replace(entity, body=self.keys.shown(self.resources, entity.body))
        return state_document(self.resources, shown, settlement.commitments[entity.id], settlement.through)

    def account(self, code: str) -> Mapping[str, Any]:
        entity = self._entity("account", code)
        body = self.keys.shown(self.resources, entity.body)
        return body.model_dump(by_alias=True, exclude_unset=True) | {"version": entity.version}

    def _entity(self, kind: str, code: str) -> Any:
        entity = KINDS[kind].held(self.resources).get(id_of(kind, code))
        if entity is None:
            raise RefusedError(f"there is no {kind} with code {code}")
        return entity
