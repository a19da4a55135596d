"""`trueup rebuild-store`."""

from collections.abc import Iterator

import click
import uvloop

from services.postgres import open_postgres
from services.projection.replay import Replayed, replay
from services.rebuild.rebuild import Rebuilt, rebuild_store
from services.run.settings import load_settings
from services.run.stack import known_endpoints

CONNECTIONS = 6
#: Most positions that a line names.
_SHOWN = 5


@click.command()
@click.option("--discard", is_flag=True, help="Remove events that contradict the log, and print each as JSON.")
@click.option("--whole", is_flag=True, help="Read the whole log, and mend what a hand has changed in the store.")
def rebuild(discard: bool, whole: bool) -> None:
    """Make event store and log agree again, after either has lost something. Nothing else may run meanwhile.

    Postgres lost or restored from an older backup: its events are filled in from the log. The end of the log lost: the
    relay writes it again. Read models that no longer fit are replayed.
    """
    done, replayed = uvloop.run(_rebuild(discard, whole))
    for event in done.agreed.discarded:
        click.echo(event)
    for line in _told(done, replayed):
        click.echo(f"rebuild-store: {line}")


async def _rebuild(discard: bool, whole: bool) -> tuple[Rebuilt, Replayed | None]:
    settings = load_settings()
    endpoints, limit = await known_endpoints(settings), settings.max_record_bytes
    async with open_postgres(endpoints.database_url, most=CONNECTIONS) as postgres:
        done = await rebuild_store(postgres, endpoints.kafka, record_bytes=limit, whole=whole, drop_strays=discard)
        return done, await replay(postgres, endpoints.kafka) if done.read_models_lost else None


def _told(done: Rebuilt, replayed: Replayed | None) -> Iterator[str]:
    store = done.agreed
    yield f"{done.records} records of the log read, {store.added} events added to the store, which ends at {store.head}"
    if store.altered:
        where = ", ".join(map(str, store.altered[:_SHOWN])) + (", ..." if len(store.altered) > _SHOWN else "")
        yield f"{len(store.altered)} events of the store were not what the log holds, and are so again: {where}"
    if store.resources:
        yield f"{store.resources} resources were not what follows from their events, and are so again"
    if store.discarded:
        count = len(store.discarded)
        yield f"{count} events that contradicted the log are removed; they stand above, to be given again"
    if store.keys.came_back:
        yield f"accounts that are forgotten again, for their keys had come back: {store.keys.came_back}"
    if store.keys.lost:
        yield (
            "accounts whose personal data nobody can read any more, for their keys are lost:"
            f" {store.keys.lost}; what is given anew is kept under a new key"
        )
    if store.again:
        yield f"{store.again} events are written to the log again when the relay runs"
    if done.lines:
        yield f"{done.lines} bill lines written again"
    for bill in store.unfinished:
        yield (
            f"bill {bill.bill_id} of {bill.organization} is not issued: of its parts the log holds {bill.parts} and not"
            " the last one; bill its account again"
        )
    if store.noted > store.head:
        between = f"after {store.head} and up to {store.noted}"
        yield f"events {between} may have been accepted and are lost: no log holds them"
    if replayed is not None:
        yield f"read models replayed from {replayed.records} records"
