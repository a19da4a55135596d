"""A migrated store on the session's stack, and short ways to give commands and to ask what came of them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from events.resources.organization import OrganizationConfig
from services.access.keys import create_key
from services.access.local import LocalKey
from services.access.scopes import ALL, Scope
from services.access.tokens import EVERY
from services.commands.bodies import parse_body, parse_model
from services.commands.messages import Command, ConfigureOrganization, CreateResource
from services.postgres import Postgres
from services.run.stack import Endpoints
from services.store.execute import Executed, execute, load_locked
from services.store.generations import Generations
from tests.api_client import CONFIG
from tests.catalog import TERM

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Store:
    """A migrated store, and an organization that no other test uses."""

    endpoints: Endpoints
    postgres: Postgres
    generations: Generations
    organization: str = field(default_factory=lambda: f"org-{uuid4().hex[:12]}")

    async def run(self, command: Command, organization: str | None = None) -> Executed:
        """Run a command in a transaction of its own."""
        async with self.postgres.transaction() as connection:
            resources = await load_locked(connection, organization or self.organization)
            return await execute(connection, resources, command, self.generations)

    async def credentials(self, organization: str = EVERY, scopes: frozenset[Scope] = ALL) -> LocalKey:
        """A key, an operator's unless it is said whose."""
        async with self.postgres.transaction() as connection:
            made = await create_key(connection, organization, scopes)
        return LocalKey(organization, made.key.id, made.secret)

    async def key(self, scopes: frozenset[Scope] = ALL) -> tuple[str, str]:
        """A key of this organization, as HTTP's Basic has it."""
        made = await self.credentials(self.organization, scopes)
        return made.access_key_id, made.api_secret

    async def configure(self, organization: str | None = None, **more: Any) -> None:
        """Bring the organization into being."""
        body = parse_model(OrganizationConfig, CONFIG | more)
        await self.run(ConfigureOrganization(body, None, NOW), organization)

    async def drop_keys(self) -> None:
        """Keys of personal data: no process that another test starts has the operator's key of this one."""
        async with self.postgres.connection() as connection:
            await connection.execute("DELETE FROM store.personal_keys WHERE organization = $1", self.organization)

    async def create(self, kind: str, **document: Any) -> str:
        """Create a resource; returns its id."""
        id = str(uuid4())
        await self.run(CreateResource(kind, id, parse_body(kind, document), NOW))
        return id

    async def account(self, code: str | None = None, **more: Any) -> str:
        """Create an account; returns its id."""
        code = code or f"acme-{uuid4().hex[:8]}"
        return await self.create("account", code=code, name=code, emailAddress="a@example.com", **more)

    async def commitment(self, account: str, **more: Any) -> str:
        """Create a commitment of 100 USD over 2026; returns its id."""
        return await self.create("commitment", accountId=account, **{"amount": 100, **TERM, **more})
