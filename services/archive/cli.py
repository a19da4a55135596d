"""`trueup archive`, `trueup archive verify` and `trueup restore`."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click
import structlog
import uvloop

from services.archive.defects import with_extra
from services.concurrency import cancel_all, first_of
from services.outage import until_stopped
from services.run.settings import Settings, load_settings
from services.run.stack import known_kafka
from services.run.stack.supervise import stop_on_signals
from services.sight.metrics import ARCHIVED_AT
from services.sight.port import open_port
from services.sight.pulse import PULSE

if TYPE_CHECKING:
    from services.archive.restoring import Restored
    from services.archive.verifying import Verified

EVERY_SECONDS = 60.0
#: Seconds between signs of life while waiting for the next pass.
ALIVE_SECONDS = 20.0
#: Seconds that a stopped process may take to end. Less than the 5 s for which whoever stopped it waits.
END_SECONDS = 3.0
_log = structlog.get_logger(__name__)


class _Archive(click.Group):
    """Makes `trueup archive PLACE` short for `trueup archive keep PLACE`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["keep", *args])


@click.group(cls=_Archive, context_settings={"ignore_unknown_options": True})
def archive() -> None:
    """Keep the log, what is signed of it, and usage, as Parquet, in a folder or an object store (a URL as s3://...)."""


@archive.command()
@click.argument("place", metavar="DIRECTORY|URL")
@click.option("--follow", is_flag=True, help="Go on: keep what has come again and again, until stopped.")
@click.option(
    "--every", "seconds", type=click.FloatRange(1), default=EVERY_SECONDS, show_default=True,
    help="Seconds from one pass to the next, with --follow. What came since is lost if Kafka is.",
)  # fmt: skip
def keep(place: str, follow: bool, seconds: float) -> None:
    """Keep what has come since the last time. It may be killed at any moment, and goes on from where it was."""
    settings = load_settings()
    uvloop.run(_follow(settings, place, seconds) if follow else _once(settings, place))


async def _once(settings: Settings, url: str) -> None:
    with with_extra():
        from services.archive.archiver import Archiver
        from services.archive.place import FilePlace
    kept = await Archiver(await known_kafka(settings), FilePlace(url)).keep()
    for topic, records in kept.items():
        click.echo(f"archive: {records} new records of {topic}")


async def _follow(settings: Settings, url: str, seconds: float) -> None:
    with with_extra():
        from services.archive.archiver import Archiver
        from services.archive.place import FilePlace
    place = FilePlace(url)
    sight = open_port("archive", settings.sight_host, settings.sight_port, settings.sight_live_seconds)
    with sight as told, stop_on_signals(asyncio.Event()) as stop:
        _log.info("sight_listens", url=told)

        async def attempt() -> None:
            archiver = Archiver(await known_kafka(settings), place)
            while not stop.is_set():
                _log.info("archived", **await archiver.keep())
                ARCHIVED_AT.set_to_current_time()
                PULSE.begun()
                await _rest(seconds, stop)

        # A pass may be cancelled at any point: a kill leaves the archive correct, too.
        following = asyncio.create_task(until_stopped(stop, "waits", attempt))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((following, stopping), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            if stop.is_set():
                threading.Thread(target=_cut_off, daemon=True).start()
            await cancel_all((following, stopping))


def _cut_off() -> None:
    """End this process after END_SECONDS, for a thread that waits for an object store's answer cannot be cancelled."""
    time.sleep(END_SECONDS)
    _log.warning("cut_off", what="a pass that waits for the place of the archive; the next one does it again")
    os._exit(0)


async def _rest(seconds: float, stop: asyncio.Event) -> None:
    """Wait for the next pass or for `stop`, giving signs of life so that the process is not taken for stuck."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0 and not stop.is_set():
        await first_of(min(left, ALIVE_SECONDS), stop)
        PULSE.moved()


@archive.command()
@click.argument("place", metavar="DIRECTORY|URL")
@click.option("--key", help="The thumbprint of the key that is to have signed the log (`trueup proof key`).")
@click.pass_context
def verify(context: click.Context, place: str, key: str | None) -> None:
    """Read every file, and say what is not as it was written or signed, and how far it is signed; exit status 1 if
    anything is wrong.
    """
    with with_extra():
        from services.archive.place import FilePlace
        from services.archive.verifying import verify as verified
    is_whole = True
    for topic in verified(FilePlace(place), key):
        for line in _verified(topic):
            click.echo(f"archive: {line}")
        is_whole &= not topic.wrong
    context.exit(0 if is_whole else 1)


def _verified(topic: "Verified") -> Iterator[str]:
    yield f"{topic.topic}: {topic.records} records in {topic.partitions} partitions and {topic.files} files"
    for reach in topic.signed:
        late = ", and what stands behind it is a quarter hour old, or more" if reach.is_late else ""
        signed = f"signed up to offset {reach.signed} of {reach.end} with key {reach.key}"
        yield f"{topic.topic}/{reach.partition}: {signed}{late}"
    for gap in topic.gaps:
        yield f"{gap}: Kafka had deleted them before they were kept"
    yield from topic.wrong


@click.command()
@click.argument("place", metavar="DIRECTORY|URL")
def restore(place: str) -> None:
    """Bring an archive back into topics that are missing or empty. Nothing else may run or publish meanwhile."""
    for line in _told(uvloop.run(_restore(load_settings(), place))):
        click.echo(f"restore: {line}")


async def _restore(settings: Settings, url: str) -> "list[Restored]":
    with with_extra():
        from services.archive.place import FilePlace
        from services.archive.restoring import restore as restored
    return await restored(await known_kafka(settings), FilePlace(url), settings.max_record_bytes)


def _told(done: "Sequence[Restored]") -> list[str]:
    lines = []
    for restored in done:
        what = f"{restored.written} records written" if restored.written else "lacks nothing"
        if restored.gaps:
            what += (
                f", {restored.gaps} of them empty, where a stranger's transactions had ended: run `trueup replay`, too"
            )
        lines.append(f"{restored.topic}/{restored.partition}: {what}")
    return [*lines, "now run `trueup rebuild-store`"]
