"""`trueup forget` and `trueup personal-keys`: they work directly on the database, as its operator."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
import uvloop

from events.actors import OPERATOR
from services.commands.organization_rules import check_exists
from services.commands.refused import CommandError, UnknownResource
from services.erasure.forgetting import forgetting
from services.erasure.operators_key import keyring_of, new_line
from services.failures import ExpectedFailure
from services.personal.keyring import Keyring
from services.personal.keys import destroy, key_ids, rewrap
from services.postgres import connected
from services.run.settings import Settings, load_settings
from services.run.stack import known_endpoints
from services.store.conditions import has_code
from services.store.execute import execute, load_locked, now_of
from services.store.generations import load_generations
from services.store.view import OF_KIND, get, load_config
from services.words import printable

T = TypeVar("T")
_NAMED = f"{OF_KIND} AND (e.id = $3 OR {has_code('e', '$2', 'ARRAY[$3]')}) ORDER BY e.id = $3 DESC LIMIT 1"


@click.command()
@click.argument("account")
@click.option("--organization", required=True, help="The organization's id.")
@click.option("--reason", help="Kept in the log, with the forgetting: name nobody in it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(account: str, organization: str, reason: str | None, yes: bool) -> None:
    """Forget the personal data of an account, by its code or id, for ever: its key is destroyed.

    Codes, ids and amounts stay; log, bills and audits stay complete.
    """
    id, code = _run(lambda connection, _: _named(connection, organization, account))
    if not yes:
        what = f"Destroy the key of account {printable(code)} ({id}) of organization {printable(organization)}?"
        click.confirm(f"{what} Nobody can bring it back", abort=True)
    _run(lambda connection, settings: _forget(connection, organization, id, reason, keyring_of(settings)))
    click.echo(f"account {printable(code)} ({id}) is forgotten: its key is destroyed")


async def _named(connection: Any, organization: str, account: str) -> tuple[str, str]:
    """The id and code of an account; only the id of a deleted account that still has a key. Raises: ExpectedFailure."""
    await load_generations(connection)
    try:
        check_exists(await load_config(connection, organization))
        row = await connection.fetchrow(_NAMED, organization, "account", account)
        if row is not None:
            return row["id"], json.loads(row["body"])["code"]
        if await key_ids(connection, organization, account):
            return account, account
        raise UnknownResource(kind="account", id=account)
    except CommandError as error:
        raise ExpectedFailure(str(error)) from error


async def _forget(connection: Any, organization: str, id: str, reason: str | None, keyring: Keyring) -> None:
    """Forget the account. Raises: ExpectedFailure."""
    generations = await load_generations(connection)
    try:
        async with connection.transaction():
            resources = await load_locked(connection, organization)
            check_exists(resources)
            if await get(connection, organization, "account", id) is None:
                await destroy(connection, organization, id, await key_ids(connection, organization, id))
                return
            command = await forgetting(connection, resources, id, reason, now_of(resources))
            await execute(connection, resources, command, generations, actor=OPERATOR, keyring=keyring)
    except CommandError as error:
        raise ExpectedFailure(str(error)) from error


@click.group(name="personal-keys")
def personal_keys() -> None:
    """The operator's keys, which encrypt the accounts' keys."""


@personal_keys.command()
def new() -> None:
    """Print a new key: a line for the file that TRUEUP_PERSONAL_KEY_FILE names. Keep a copy away from all databases."""
    click.echo(new_line())


@personal_keys.command(name="rewrap")
def rewrap_() -> None:
    """Encrypt all accounts' keys with the file's first line, so that the other lines can be removed."""

    async def work(connection: Any, settings: Settings) -> int:
        return await rewrap(connection, keyring_of(settings))

    click.echo(f"{_run(work)} keys are encrypted with the first line")


def _run(work: Callable[[Any, Settings], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = load_settings()
        endpoints = await known_endpoints(settings)
        async with connected(endpoints.database_url) as connection:
            return await work(connection, settings)

    return uvloop.run(run())
