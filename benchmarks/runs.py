"""Programs of this folder, run as processes of their own: each gives JSON, or the reason why it gave none."""

import contextlib
import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.aims import Program
from services.run.process import ALLOCATION

PYTHON = sys.executable
#: How long a program that is interrupted may take to stop its servers, before it is killed.
GRACE_SECONDS = 30.0


class TimeUpError(Exception):
    """All the time that there was is over; the program that ran then was ended."""


@dataclass(slots=True)
class Ran:
    """What the runs of one program gave: the JSON of those that ended well, and why the last one did not."""

    program: Program
    arguments: str
    documents: list[Any] = field(default_factory=list)
    #: Seconds, and CPU seconds of all its processes, of each run; and the machine's load when it began.
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    failure: str | None = None

    @property
    def run_with(self) -> str:
        """The program and its arguments, which name it wherever its numbers are kept."""
        return f"{self.program.module} {self.arguments}".strip()

    def run(self, until: float | None = None) -> None:
        """Once more, at most until this moment of `time.monotonic`; what goes wrong is told in its rows and keeps no
        other program from running.

        Raises: TimeUpError, KeyboardInterrupt; the program has been ended then.
        """
        load, started, cpu = round(os.getloadavg()[0], 2), time.monotonic(), _cpu()
        with TemporaryDirectory(prefix="trueup-table-") as name:
            file, log = Path(name) / "found.json", Path(name) / "log"
            if not self._ended_well(file, log, self.program.seconds, until):
                return
            self.documents.append(json.loads(file.read_text()))
        self.seconds.append(round(time.monotonic() - started, 1))
        self.cpu_seconds.append(round(_cpu() - cpu, 1))
        self.loads.append(load)

    def _ended_well(self, file: Path, log: Path, most: float, until: float | None) -> bool:
        command = [PYTHON, "-m", f"benchmarks.{self.program.module}", *shlex.split(self.arguments)]
        left = most if until is None else min(most, max(until - time.monotonic(), 0.0))
        with log.open("wb") as output, _process([*command, "--json", str(file)], output) as process:
            try:
                status = process.wait(left)
            except subprocess.TimeoutExpired:
                if left < most:
                    raise TimeUpError from None
                self.failure = f"not done after {most:.0f} s"
                return False
        if status:
            self.failure = f"it ended with status {status}: {_last_line(log)}"
        return status == 0

    def document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "run_with": self.run_with,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "loads": self.loads,
            "found": self.documents,
            "failure": self.failure,
        }

    def take(self, document: Mapping[str, Any]) -> None:
        """Add the runs that a document of the same program tells of."""
        self.documents.extend(document["found"])
        for name in ("seconds", "cpu_seconds", "loads"):
            getattr(self, name).extend(document[name])
        self.failure = document["failure"] or self.failure


@contextlib.contextmanager
def _process(command: list[str], output: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A program in a session of its own, so that Ctrl-C in the terminal reaches it only through us; ended with the
    block, and with its servers if it is quick about them."""
    process = subprocess.Popen(
        command,
        stdout=output,
        stderr=output,
        stdin=subprocess.DEVNULL,
        env=ALLOCATION | os.environ,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def _cpu() -> float:
    """CPU seconds of all programs that ended, with those that they started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
