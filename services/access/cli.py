"""The commands `trueup keys`: they write access keys directly to the database, so that the first key needs no other
one.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click
import uvloop

from events.absent import only_given
from services.access.keys import AccessKey, NewKey, create_key, list_keys, revoke_key, rotate_key
from services.access.scopes import ALL, MEANINGS, Scope
from services.access.tokens import EVERY
from services.commands.organization_id import check_organization_id
from services.commands.refused import InvalidField
from services.postgres import connected
from services.run.settings import load_settings
from services.run.stack import known_endpoints
from services.store.generations import load_generations
from services.words import printable

T = TypeVar("T")

#: How many hours a rotated key stays valid: time for everybody to change to the new one.
GRACE_HOURS = 24.0
LABEL_LENGTH_MAX = 200
_SHOWN_ONCE = "The secret is shown this once; what is kept of it is a hash."


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke access keys, in the database of the settings or of the stack that runs here."""


@keys.command()
@click.option("--organization", required=True, help=f"Whose data it opens; {EVERY!r} is every one, for operators.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it is good for, all unless given: " + "; ".join(f"{scope}: {text}" for scope, text in MEANINGS.items()),
)
@click.option("--name", "label", metavar="LABEL", help="What you call it, for lists.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create(organization: str, scopes: Sequence[str], label: str | None, as_json: bool) -> None:
    """Make a key for an organization; the organization itself may be created later."""
    try:
        check_organization_id(organization)
    except InvalidField as error:
        raise click.BadParameter(str(error.values["rule"]), param_hint="--organization") from None
    if label is not None and not (label.isprintable() and 1 <= len(label) <= LABEL_LENGTH_MAX):
        raise click.BadParameter(f"must be 1 to {LABEL_LENGTH_MAX} printable characters", param_hint="--name")
    chosen = frozenset(Scope(name) for name in scopes) or ALL
    made = _run(lambda connection: create_key(connection, organization, chosen, label))
    _tell_new(made, as_json)


@keys.command(name="list")
@click.option("--organization", help="Only its keys.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(organization: str | None, as_json: bool) -> None:
    """All keys, the oldest first, without their secrets."""
    listed = _run(lambda connection: list_keys(connection, organization))
    if as_json:
        click.echo(json.dumps([_document(key) for key in listed], ensure_ascii=False))
        return
    now = datetime.now(UTC)
    rows = [("access key id", "organization", "state", "scopes", "name")]
    rows += [(key.id, key.organization, _state(key, now), _scopes(key), key.label or "") for key in listed]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (printable(text).ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


@keys.command()
@click.argument("access_key_id")
def revoke(access_key_id: str) -> None:
    """Refuse a key and all its tokens: within half a minute, everywhere."""
    _run(lambda connection: revoke_key(connection, access_key_id))
    click.echo(f"revoked {access_key_id}; every API process refuses it and its tokens within half a minute")


@keys.command()
@click.argument("access_key_id")
@click.option(
    "--grace-hours",
    type=click.FloatRange(0, 24 * 365),
    default=GRACE_HOURS,
    show_default=True,
    help="How long the old key goes on working; 0 ends it at once.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(access_key_id: str, grace_hours: float, as_json: bool) -> None:
    """Make another key of the same organization, scopes and name, and let the old one end."""
    made = _run(lambda connection: rotate_key(connection, access_key_id, timedelta(hours=grace_hours)))
    _tell_new(made, as_json)


def _run(work: Callable[[Any], Awaitable[T]]) -> T:
    async def run() -> T:
        endpoints = await known_endpoints(load_settings())
        async with connected(endpoints.database_url) as connection:
            await load_generations(connection)
            return await work(connection)

    return uvloop.run(run())


def _tell_new(made: NewKey, as_json: bool) -> None:
    document = {
        "organizationId": made.key.organization,
        "accessKeyId": made.key.id,
        "apiSecret": made.secret,
        "scopes": _scopes(made.key).split(),
    }
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    click.echo(f"organization   {printable(made.key.organization)}\naccess key id  {made.key.id}")
    click.echo(f"API secret     {made.secret}\nscopes         {_scopes(made.key)}\n{_SHOWN_ONCE}")


def _scopes(key: AccessKey) -> str:
    return " ".join(scope.value for scope in Scope if scope in key.scopes)


def _state(key: AccessKey, now: datetime) -> str:
    if key.revoked is None:
        return "in use"
    ends = f"{key.revoked:%Y-%m-%d %H:%M}"
    return f"revoked {ends}" if key.revoked <= now else f"until {ends}"


def _document(key: AccessKey) -> dict[str, Any]:
    members = {
        "organizationId": key.organization,
        "accessKeyId": key.id,
        "name": key.label,
        "scopes": _scopes(key).split(),
        "created": key.created.isoformat(),
        "revoked": key.revoked and key.revoked.isoformat(),
        "replacedBy": key.replaced_by,
    }
    return only_given(members)
