"""`python -m benchmarks.rivals`: the product beside two libraries that others would take, on one broker and Postgres.

- *Quix Streams*, a windowed sum of the same usage by account and day, in as many processes as the product's pipeline
  has: two, each with half of the accounts. It neither validates, deduplicates, rates nor settles.
- *eventsourcing*, usage appended as events of aggregates, and replayed. Beside it stand ingest, which appends rated
  usage to the log, and a fold of the log by one process, which fills all tables.

They have an environment of their own, which `make bench` makes: build/rivals, by deploy/rivals.lock.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import click
from aiokafka.admin import NewTopic
from rich.table import Table

from benchmarks import replay
from benchmarks.product import publish as publish_load
from benchmarks.product import run_product
from benchmarks.results import WrongSumError
from benchmarks.running import ORGANIZATION, Say, connect, create_customers, on_empty_system
from benchmarks.showing import show
from benchmarks.waiting import until
from benchmarks.workload import Load
from services.failures import ExpectedFailure
from services.kafka import BatchWriter, new_admin
from services.run.stack.child import Command, run_to_end
from services.run.stack.supervise import Supervisor
from services.run.up import System

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "build" / "rivals" / "bin" / "python"
#: Processes of Quix Streams, each with a topic of its own, so that none waits for the others to share one out.
QUIX = 2
START_SECONDS = 90.0
#: Slowest that is still waited for, in events a second.
SLOWEST_PER_SECOND = 500


class NoRivalsError(ExpectedFailure):
    """build/rivals is not there: `make bench` makes it, where the packages of deploy/rivals.lock can be had"""

    def __init__(self) -> None:
        super().__init__(str(self.__doc__))


@dataclass(frozen=True, slots=True)
class Beside:
    """Events a second of the product and of the other one."""

    name: str
    product: float
    other: float

    @property
    def ratio(self) -> float:
        """How many times as fast the product is."""
        return self.product / self.other


async def measure(system: System, folder: Path, events: int, appended: int, say: Say) -> list[Beside]:
    """All of them on one load. Raises: ExpectedFailure."""
    if not PYTHON.exists():
        raise NoRivalsError
    load = Load(ORGANIZATION, events, system.settings.partitions)
    say(f"creating {load.accounts:,} accounts with a prepayment each")
    customers = await create_customers(system, load.codes())
    say(f"publishing {events:,} events")
    await publish_load(system, load)
    connection = await connect(system.endpoints.database_url)
    try:
        say("running the product")
        product = await run_product(system, connection, load, customers)
    finally:
        await connection.close()
    say("folding the log")
    folded = replay.Measured("fold", events, 1)
    await replay.fold(system, folded)
    say("running Quix Streams")
    summed = await _quix(system, folder, load)
    say("running eventsourcing")
    append, replayed = await _eventsourcing(system, folder, Load(ORGANIZATION, appended, load.partitions))
    ingest = product.legs[0]
    return [
        Beside("Quix Streams, windowed sum", product.per_second, summed),
        Beside("eventsourcing, append", ingest.per_second, append),
        Beside("eventsourcing, replay", folded.per_second, replayed),
    ]


async def _quix(system: System, folder: Path, load: Load) -> float:
    """Events a second of all processes. Raises: StackError, WrongSumError."""
    topics = [f"benchmark.quix-{number}" for number in range(QUIX)]
    counts = await _deal(system, load, topics)
    seconds, gate = START_SECONDS + load.events / SLOWEST_PER_SECOND, folder / "gate"
    results, ready, runs = [], [], []
    for topic in topics:
        file = {name: str(folder / f"{topic}.{name}") for name in ("state", "ready", "result")}
        task = {"bootstrap": system.endpoints.kafka.bootstrap, "topic": topic, "events": counts[topic]}
        command = _command(folder, "rival_quix", topic, task | file | {"gate": str(gate)})
        runs.append(run_to_end(command, seconds))
        results.append(Path(file["result"]))
        ready.append(Path(file["ready"]))

    async def look() -> tuple[bool, object]:
        return all(file.exists() for file in ready), "not all have read their first event"

    async def open_gate() -> None:
        await until("the start of Quix Streams", START_SECONDS, look, Supervisor())
        gate.touch()

    await asyncio.gather(open_gate(), *runs)
    outcomes = [json.loads(result.read_text()) for result in results]
    calls = sum(load.calls().values())
    if (summed := sum(outcome["sum"] for outcome in outcomes)) != calls:
        raise WrongSumError("Quix Streams", summed, calls)
    return float(
        load.events / (max(outcome["ended"] for outcome in outcomes) - min(outcome["began"] for outcome in outcomes))
    )


async def _deal(system: System, load: Load, topics: list[str]) -> dict[str, int]:
    """The load in topics of their own, each with some of its partitions; returns how many events each has."""
    each = load.partitions // len(topics)
    admin = new_admin(system.endpoints.kafka, request_timeout_ms=30_000)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, each, 1) for topic in topics], timeout_ms=30_000)
    finally:
        await admin.close()
    counts = dict.fromkeys(topics, 0)
    async with BatchWriter(system.endpoints.kafka) as writer:
        for chunk in load.chunks():
            for partition, records in chunk.items():
                topic = topics[partition // each]
                await writer.append(topic, partition % each, records)
                counts[topic] += len(records)
    return counts


async def _eventsourcing(system: System, folder: Path, load: Load) -> tuple[float, float]:
    """Events a second, appended and replayed. Raises: StackError, WrongSumError."""
    usage, result = folder / "usage.jsonl", folder / "eventsourcing.result"
    usage.write_bytes(b"\n".join(load.event(number) for number in range(load.events)))
    task = {"environment": _postgres(system.endpoints.database_url), "usage": str(usage), "result": str(result)}
    command = _command(folder, "rival_eventsourcing", "eventsourcing", task)
    await run_to_end(command, START_SECONDS + load.events / SLOWEST_PER_SECOND)
    outcome = json.loads(result.read_text())
    calls = sum(load.calls().values())
    if outcome["sum"] != calls:
        raise WrongSumError("eventsourcing", outcome["sum"], calls)
    return load.events / outcome["append_seconds"], load.events / outcome["replay_seconds"]


def _postgres(url: str) -> dict[str, str]:
    """The database as the library is told of it."""
    parts = urlsplit(url)
    host = parts.hostname or parse_qs(parts.query).get("host", [""])[0]
    port = parts.port or parse_qs(parts.query).get("port", ["5432"])[0]
    named = {"DBNAME": parts.path.strip("/"), "HOST": host, "PORT": str(port), "USER": unquote(parts.username or "")}
    return {f"POSTGRES_{name}": value for name, value in {**named, "PASSWORD": unquote(parts.password or "")}.items()}


def _command(folder: Path, script: str, name: str, task: Mapping[str, Any]) -> Command:
    file = folder / f"{name}.task"
    file.write_text(json.dumps(task))
    # Isolated, for beside the script stands our `http`.
    argv = [str(PYTHON), "-I", str(ROOT / "benchmarks" / f"{script}.py"), str(file)]
    return Command(name, argv, dict(os.environ), folder / f"{name}.log")


def table(measured: list[Beside]) -> Table:
    """Speeds and ratios."""
    shown = Table(title="the product beside others, events a second")
    for column in ("beside", "product", "other", "ratio"):
        shown.add_column(column, justify="left" if column == "beside" else "right")
    for beside in measured:
        shown.add_row(beside.name, f"{beside.product:,.0f}", f"{beside.other:,.0f}", f"{beside.ratio:.1f}")
    return shown


@click.command()
@click.option("--events", type=click.IntRange(1_000, 20_000_000), default=300_000, show_default=True)
@click.option(
    "--appended",
    type=click.IntRange(1_000, 20_000_000),
    default=30_000,
    show_default=True,
    help="Of these, events for eventsourcing, which is slower.",
)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(events: int, appended: int, file: Path | None) -> None:
    """Measure the product beside others; the last line of the output is JSON."""
    measured = on_empty_system(
        "rivals", lambda system, folder, say: measure(system, folder, events, min(events, appended), say)
    )
    document = {
        beside.name: {"product": round(beside.product), "other": round(beside.other), "ratio": round(beside.ratio, 2)}
        for beside in measured
    }
    show([table(measured)], document, file)


if __name__ == "__main__":
    main()
