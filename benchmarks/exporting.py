"""`python -m benchmarks.exporting`: bill lines of an event store as files, and a journal of them: rows/s and memory.

The command itself is measured, start included, as it reads the store and writes a folder. Memory is looked at while a
file grows: it must not grow with the number of rows. One export is killed at half of its file and made again in two
parts, the second of which goes on where the first one ends: its rows are those of the whole one, byte for byte. Sums
are compared with what the bills come to, computed independently, and each journal's debit with its credit.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click
import psutil
import pyarrow.compute as pc
import pyarrow.parquet as pq
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.exported import BILLS, LINES, fill, payable
from benchmarks.results import WrongSumError
from benchmarks.running import ORGANIZATION
from benchmarks.showing import show
from benchmarks.waiting import NotFinishedError
from services.failures import ExpectedFailure
from services.migrate.migrate import migrate
from services.postgres import open_postgres
from services.run.logs import configure_logs
from services.run.settings import load_settings
from services.run.stack import running_stack
from services.run.stack.child import Child, Command, log_tail

#: Slowest that is still waited for, in rows a second.
SLOWEST_ROWS = 500
LOOK_SECONDS = 0.02
#: The day by which journals close; all prepayments are over by then.
CLOSED = "2027-12-31"


@dataclass(frozen=True, slots=True)
class Written:
    """One export. `rss_mb` is the command's memory when a tenth of the file was written, then half, then all of it."""

    name: str
    rows: int
    megabytes: float
    seconds: float
    rows_per_second: float
    rss_mb: tuple[float, float, float]


class _Seen(NamedTuple):
    """One look at an export."""

    bytes: int
    memory_mb: float


class _Exports:
    """Runs the command against the store."""

    def __init__(self, database_url: str, folder: Path, rows: int) -> None:
        self._folder, self._most = folder, 60 + rows / SLOWEST_ROWS
        self._environment = os.environ | {"TRUEUP_DATABASE_URL": database_url, "TRUEUP_LOG_LEVEL": "WARNING"}

    def place(self, name: str) -> Path:
        """Where the files of an export of this name go."""
        return self._folder / name

    def files(self, name: str) -> list[Path]:
        """Its files, in the order of their ranges."""
        return sorted(path for path in self.place(name).rglob("*") if path.suffix in (".csv", ".parquet"))

    async def run(self, what: str, name: str, *more: str, kill_at: int | None = None) -> list[_Seen]:
        """One export, looked at until it has ended, or until its file has so many bytes and it is killed.

        Raises: NotFinishedError.
        """
        log = self._folder / f"{name}.log"
        argv = [sys.executable, "-m", "services.run.cli", "export", what, "--organization", ORGANIZATION]
        child = Child(Command(what, [*argv, "--out", str(self.place(name)), *more], self._environment, log))
        seen, deadline = list[_Seen](), time.monotonic() + self._most
        try:
            while child.returncode is None:
                seen.append(_Seen(_growing(self.place(name)), _memory(what)))
                if kill_at is not None and seen[-1].bytes >= kill_at:
                    return seen
                if time.monotonic() > deadline:
                    raise NotFinishedError(f"export {what}", self._most, f"{seen[-1].bytes} bytes")
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await child.kill()
        if child.returncode != 0:
            raise NotFinishedError(f"export {what}", 0, f"status {child.returncode}{log_tail(log)}")
        return seen

    async def measured(self, what: str, format: str, *more: str) -> Written:
        """One whole export."""
        name, started = f"{what}-{format}", time.monotonic()
        seen = await self.run(what, name, "--format", format, *more)
        seconds, [file] = time.monotonic() - started, self.files(name)
        size = file.stat().st_size
        rows = pq.read_metadata(file).num_rows if format == "parquet" else sum(1 for _ in _lines(file)) - 1
        tenth, half, end = (
            max((look.memory_mb for look in seen if look.bytes <= share * size), default=0.0) for share in (0.1, 0.5, 1)
        )
        speed = round(seconds, 2), round(rows / seconds)
        return Written(f"{what}, {format}", rows, round(size / 1e6, 1), *speed, (tenth, half, end))


def _growing(folder: Path) -> int:
    """Bytes of the file that is being written."""
    try:
        return sum(part.stat().st_size for part in folder.rglob("*.part"))
    except FileNotFoundError:  # it has just got its name
        return 0


def _memory(what: str) -> float:
    """Resident MB of the command; the watching parent is a bare interpreter and not counted."""
    for process in psutil.Process().children(recursive=True):
        try:
            command = process.cmdline()
            if what in command and "-I" not in command:
                return round(process.memory_info().rss / 1e6, 1)
        except psutil.NoSuchProcess:
            continue
    return 0.0


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        yield from opened


def _digest(files: list[Path]) -> str:
    """Of all rows, one file after the other, without headings."""
    digest = sha256()
    for file in files:
        lines = _lines(file)
        next(lines)
        for line in lines:
            digest.update(line)
    return digest.hexdigest()


def _sum(file: Path, column: str) -> Decimal:
    """Of a column of a Parquet file, a group after the other."""
    parquet = pq.ParquetFile(file)
    groups = (parquet.read_row_group(number, [column]) for number in range(parquet.num_row_groups))
    return sum((pc.sum(group.column(column)).as_py() for group in groups), Decimal(0))


async def measure(bills: int, say: Any) -> list[Written]:
    """On Kafka and Postgres of its own. Raises: NotFinishedError, WrongSumError."""
    with TemporaryDirectory(prefix="trueup-benchmark-") as folder:
        settings = load_settings(home=Path(folder) / "home")
        say("starting Kafka and Postgres")
        async with running_stack(settings) as endpoints:
            generations = await migrate(settings, endpoints)
            say(f"issuing {bills:,} bills of {LINES} lines")
            async with open_postgres(endpoints.database_url) as postgres:
                await fill(postgres, generations, bills)
                async with postgres.connection() as connection:
                    middle = await connection.fetchval("SELECT max(position) / 2 FROM store.events")
            exports = _Exports(endpoints.database_url, Path(folder), bills * LINES)
            return await _measured(exports, bills, f"{generations.commands}-{middle}", say)


async def _measured(exports: _Exports, bills: int, middle: str, say: Any) -> list[Written]:
    say("exporting bill lines")
    exported = [await exports.measured("bill-lines", format) for format in ("csv", "parquet")]
    say("exporting them killed, and in two parts")
    [whole] = exports.files("bill-lines-csv")
    await exports.run("bill-lines", "parts", kill_at=whole.stat().st_size // 2)
    _same("files of an export that was killed", len(exports.files("parts")), 0)
    await exports.run("bill-lines", "parts", "--until", middle)
    await exports.run("bill-lines", "parts")
    _same("files of two parts", len(exports.files("parts")), 2)
    _same("rows of two parts", _digest(exports.files("parts")), _digest([whole]))
    say("exporting a journal")
    exported.append(await exports.measured("journal", "parquet", "--closed", CLOSED))
    [lines], [journal] = exports.files("bill-lines-parquet"), exports.files("journal-parquet")
    _same("rows", [written.rows for written in exported[:2]], [bills * LINES] * 2)
    _same("all lines", _sum(lines, "amount"), payable(bills))
    _same("the journal's credit", _sum(journal, "credit"), _sum(journal, "debit"))
    return exported


def _same(what: str, exported: object, wanted: object) -> None:
    if exported != wanted:
        raise WrongSumError(what, exported, wanted)


@click.command()
@click.option("--lines", type=click.IntRange(2_000, 10_000_000), default=20_000, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the JSON here, too.")
def main(lines: int, file: Path | None) -> None:
    """Measure exports; the last line of the output is JSON."""
    configure_logs("WARNING")
    bills = lines // (LINES * BILLS) * BILLS
    try:
        with Console(stderr=True).status("") as status:
            exported = uvloop.run(measure(bills, status.update))
    except ExpectedFailure as error:
        sys.exit(f"benchmarks.exporting: {error}")
    shown = Table(title=f"{bills * LINES:,} bill lines of {bills:,} bills")
    for column in ("", "rows", "MB", "seconds", "rows/s", "MB of memory at 10 %", "at 50 %", "at the end"):
        shown.add_column(column, justify="right" if column else "left")
    for written in exported:
        memory = (f"{megabytes:.0f}" for megabytes in written.rss_mb)
        shown.add_row(
            written.name,
            f"{written.rows:,}",
            f"{written.megabytes}",
            f"{written.seconds}",
            f"{written.rows_per_second:,}",
            *memory,
        )
    show([shown], [asdict(written) for written in exported], file)


if __name__ == "__main__":
    main()
