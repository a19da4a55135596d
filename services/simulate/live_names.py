"""A live organization's ids and a scenario's codes. Results show the ids that a play in memory would show, so that the
results of both are equal to the letter."""

import re
from collections.abc import Mapping
from typing import Any

from services.simulate.entities import reference_fields
from services.simulate.naming import id_of
from services.simulate.player import Document

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class LiveNames:
    """What each entity is called: (kind, code) and the id that the API gave it."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], str] = {}
        self._documents: dict[str, Document] = {}
        #: How messages call what the file names, by the API's id.
        self.called: dict[str, str] = {}

    def learn(self, document: Document, id: str) -> None:
        """The entity was created."""
        self._ids[document.kind, document.code] = id
        self._documents[id] = document
        self.called[id] = document.shown

    def known(self, kind: str, code: str) -> str | None:
        """The API's id; None of what was never created."""
        return self._ids.get((kind, code))

    def id(self, kind: str, code: str) -> str:
        """The API's id; of what was never created, the one that it has in memory, which no API knows."""
        found = self.known(kind, code)
        if found is None:
            found = id_of(kind, code)
            self.called[found] = code
        return found

    def code(self, id: str | None) -> str | None:
        """What results call an id; lines may name what was deleted since, too."""
        return id if id is None or id not in self._documents else self._documents[id].title

    def place(self, account: str) -> int:
        """Number of an account in the order of creation."""
        return list(self._ids).index(("account", account))

    def told(self, value: Any) -> Any:
        """The same with memory's ids in every text."""
        if isinstance(value, Mapping):
            return {name: self.told(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.told(one) for one in value)
        return _ID.sub(self._in_memory, value) if isinstance(value, str) else value

    def _in_memory(self, found: re.Match[str]) -> str:
        known = self._documents.get(found[0])
        return id_of(known.kind, known.code) if known else found[0]

    def resolved(self, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Wire fields of scenario fields: codes become the API's ids under the wire's names."""
        names = reference_fields(kind)
        found: dict[str, Any] = {}
        for name, value in fields.items():
            field, to = names.get(name, (name, None))
            if to is None or value is None:
                found[field] = value
            else:
                found[field] = [self.id(to, one) for one in value] if isinstance(value, list) else self.id(to, value)
        return found
