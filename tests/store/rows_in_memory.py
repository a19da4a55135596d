"""The rows that a command's targeted load would find, out of memory."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from projections.entities import Entity
from projections.resources import Resources
from services.commands.kind import Kind, value_of
from services.commands.messages import Command
from services.commands.table import KINDS
from services.store import loading
from services.store.view import OF_KIND


class Rows:
    """The rows of a store with all of this, found as the queries of `load_for` say."""

    def __init__(self, every: Resources) -> None:
        self._held = [(kind, resource) for kind in KINDS.values() for resource in kind.held(every).values()]
        self._every = every

    async def fetch(self, query: str, organization: str, *arguments: str) -> list[Entity[Any]]:
        answers: dict[str, Callable[..., list[Entity[Any]]]] = {
            OF_KIND: self._of_kind,
            loading._OF_ACCOUNT: self._of_account,
            loading._OF_CODE: lambda kind, code: [
                resource for resource in self._of_kind(kind) if resource.body.code == code
            ],
            loading._REFERRING: lambda kind, id: [
                resource for resource in self._of_kind(kind) if resource in self._referring(id)
            ],
            loading._CHILDREN: self._children,
            loading._BESIDE_GROUP: self._beside_group,
            loading._REFERRER: lambda id: sorted(self._referring(id), key=lambda entity: entity.position)[:1],
        }
        return answers[query](*arguments)

    def ids(self, ids: list[str]) -> list[Entity[Any]]:
        return [entity for _, entity in self._held if entity.id in ids]

    def same(self, kind: Kind, fields: tuple[str, ...], values: list[str]) -> list[Entity[Any]]:
        return [
            resource
            for resource in self._of_kind(kind.name)
            if [str(value_of(resource.body, name)) for name in fields] == values
        ]

    def _of_kind(self, name: str) -> list[Entity[Any]]:
        return [entity for kind, entity in self._held if kind.name == name]

    def _of_account(self, name: str, account_id: str) -> list[Entity[Any]]:
        return [resource for resource in self._of_kind(name) if resource.body.account_id == account_id]

    def _referring(self, id: str) -> list[Entity[Any]]:
        return [entity for kind, entity in self._held if id in (to for _, _, to in kind.references(entity.body))]

    def _children(self, name: str, parent: str) -> list[Entity[Any]]:
        return [resource for resource in self._of_kind(name) if resource.body.parent_account_id == parent]

    def _beside_group(self, group_id: str) -> list[Entity[Any]]:
        roots = self._every.accounts
        plans = self._of_kind("accountPlan")
        on_it = {roots[plan.body.account_id].root_id for plan in plans if plan in self._referring(group_id)}
        return [plan for plan in plans if roots[plan.body.account_id].root_id in on_it]


def rows_are_entities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are entities here; that one is the other's is for the tests of rows."""

    async def get_ids(rows: Rows, _: str, ids: list[str]) -> list[Entity[Any]]:
        return rows.ids(ids)

    async def same_key(loader: Any, kind: Kind, body: Any) -> None:
        for fields in kind.unique:
            values = [value_of(body, field) for field in fields]
            if None not in values:
                same = loader._connection.same(kind, fields, [str(value) for value in values])
                put_rows(loader.resources, same)

    def put_rows(resources: Resources, rows: list[Entity[Any]]) -> None:
        for row in rows:
            resources.put(row)

    monkeypatch.setattr(loading, "get_ids", get_ids)
    monkeypatch.setattr(loading, "put_rows", put_rows)
    monkeypatch.setattr(loading._Loader, "same_key", same_key)


def loaded(every: Resources, command: Command) -> Resources:
    """What HTTP decides the command with."""
    resources = Resources(every.organization, every.config, every.clock)
    asyncio.run(loading.load_for(Rows(every), resources, command))
    return resources
