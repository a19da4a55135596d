"""`python -m benchmarks.bill_run`: `trueup bill` for many accounts, on a stack of its own: accounts/s, and its memory.

Several processes may run at once, as several machines would: none bills what another one has billed.

Every account has a month of usage under a tiered price and a prepayment. What the bills say is checked against sums
that are computed independently. Memory is looked at while it runs: it must not grow with the number of bills.
"""

import asyncio
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click
import psutil
from rich.table import Table

from benchmarks.product import publish, until_counted
from benchmarks.results import WrongSumError
from benchmarks.running import ORGANIZATION, connect, create_customers, on_empty_system
from benchmarks.showing import show
from benchmarks.waiting import NotFinishedError, until
from benchmarks.workload import Load, cents_of
from services.run.stack.child import Child, Command, log_tail
from services.run.up import System

#: The first instant after the month, and the wire's name for it: everything due by then is billed.
DATE = "2026-02-01"
EVENTS_PER_ACCOUNT = 10
LOOK_SECONDS = 0.1
#: Slowest that is still waited for, a second.
SLOWEST_BILLS = 5
_BILLED = "SELECT account_id, sum(-amount) * 100 AS cents FROM bill_line_items WHERE type = $1 GROUP BY account_id"


@dataclass(frozen=True, slots=True)
class BillRunResult:
    """What the run did. `rss_mb` is its memory when a tenth of the bills was issued, then half, then all of them.

    `cpu_ms` is the CPU time of the run's own processes per account, start-up included; memory is the largest one's.
    """

    accounts: int
    processes: int
    seconds: float
    accounts_per_second: float
    cpu_ms: float
    rss_mb: tuple[float, float, float]


class Seen(NamedTuple):
    """One look at the run."""

    bills: int
    memory_mb: float
    cpu_seconds: float


async def measure(system: System, folder: Path, accounts: int, processes: int, say: Any) -> BillRunResult:
    """Set up, publish, and run the bills. Raises: NotFinishedError, WrongSumError."""
    load = Load(ORGANIZATION, accounts * EVENTS_PER_ACCOUNT, system.settings.partitions, accounts)
    say(f"creating {accounts:,} accounts with a prepayment each")
    customers = await create_customers(system, load.codes())
    say(f"publishing {load.events:,} events and waiting for their projection")
    await publish(system, load)
    await system.start(("ingest",))
    connection = await connect(system.endpoints.database_url)
    try:
        await until_counted(system, connection, load)
        say("issuing the bills")
        result = await _run(system, folder, accounts, processes)

        async def shown() -> tuple[bool, object]:
            bills = await connection.fetchval("SELECT count(*) FROM bills")
            return bills == accounts, f"{bills} of {accounts} bills projected"

        await until("the projection of the bills", 60 + accounts / SLOWEST_BILLS, shown, system.supervisor)
        billed = {row["account_id"]: row["cents"] for row in await connection.fetch(_BILLED, "COMMITMENT_CONSUMED")}
        for code, calls in load.calls().items():
            if billed.get(customers[code].account) != cents_of(calls):
                raise WrongSumError(f"the bill of {code}", billed.get(customers[code].account), cents_of(calls))
        return result
    finally:
        await connection.close()


async def _run(system: System, folder: Path, accounts: int, processes: int) -> BillRunResult:
    """`trueup bill` as processes of its own; their output, a line a bill, says how far they are."""
    environment = os.environ | {
        "TRUEUP_KAFKA_BOOTSTRAP": system.endpoints.kafka.bootstrap,
        "TRUEUP_DATABASE_URL": system.endpoints.database_url,
        "TRUEUP_LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
    }
    argv = [sys.executable, "-m", "services.run.cli", "bill", "--date", DATE, "--organization", ORGANIZATION]
    logs = [folder / f"bill-{number}.log" for number in range(processes)]
    started, seen = time.monotonic(), list[Seen]()
    children = [Child(Command("bill", argv, environment, log)) for log in logs]
    deadline = started + 60 + accounts / SLOWEST_BILLS
    try:
        while any(child.returncode is None for child in children):
            if time.monotonic() > deadline:
                raise NotFinishedError("the bill run", deadline - started, f"{seen[-1].bills} of {accounts} bills")
            seen.append(Seen(sum(log.read_bytes().count(b"  account ") for log in logs), *_memory_and_cpu()))
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        for child in children:
            await child.kill()
    seconds = time.monotonic() - started
    for child, log in zip(children, logs, strict=True):
        if child.returncode != 0:
            raise NotFinishedError("the bill run", seconds, f"status {child.returncode}{log_tail(log)}")
    tenth, half, end = (
        next((look.memory_mb for look in seen if look.bills >= share * accounts and look.memory_mb), 0.0)
        for share in (0.1, 0.5, 0.98)
    )
    cpu = max(look.cpu_seconds for look in seen) * 1000 / accounts
    speed = round(seconds, 2), round(accounts / seconds, 1), round(cpu, 2)
    return BillRunResult(accounts, processes, *speed, (tenth, half, end))


def _memory_and_cpu() -> tuple[float, float]:
    """Resident MB of the largest of the run's processes, and CPU seconds of all of them so far; the watching parents
    are bare interpreters and not counted."""
    memory, cpu = 0.0, 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            if ORGANIZATION in process.cmdline() and "-I" not in process.cmdline():
                times = process.cpu_times()
                memory = max(memory, round(process.memory_info().rss / 1e6, 1))
                cpu += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return memory, cpu


@click.command()
@click.option("--accounts", type=click.IntRange(10, 1_000_000), default=10_000, help="Accounts to bill.")
@click.option("--processes", type=click.IntRange(1, 16), default=1, show_default=True, help="That bill at once.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(accounts: int, processes: int, file: Path | None) -> None:
    """Measure a bill run; the last line of the output is JSON."""
    result = on_empty_system("bill_run", lambda system, folder, say: measure(system, folder, accounts, processes, say))
    shown = Table(title=f"`trueup bill`, {processes} at once")
    for column in ("accounts", "seconds", "accounts/s", "CPU ms each", "MB at 10 %", "MB at 50 %", "MB at the end"):
        shown.add_column(column, justify="right")
    memory = (f"{megabytes:.0f}" for megabytes in result.rss_mb)
    speed = f"{result.seconds:.1f}", f"{result.accounts_per_second:.0f}", f"{result.cpu_ms:.1f}"
    shown.add_row(f"{result.accounts:,}", *speed, *memory)
    show([shown], asdict(result), file)


if __name__ == "__main__":
    main()
