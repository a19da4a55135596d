"""Supervision of named commands, on small real processes."""

import asyncio
import sys
from pathlib import Path

import pytest

from services.run.stack import StackError
from services.run.stack.child import Child, Command, run_to_end
from services.run.stack.supervise import Supervisor

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(99)"
)


async def test_a_killed_one_can_be_started_again() -> None:
    supervisor = Supervisor()
    supervisor.start(Command("ingest", ["sleep", "100"]))
    await asyncio.sleep(0.3)
    with pytest.raises(StackError, match="ingest is running already"):
        supervisor.restart("ingest")
    await supervisor.kill("ingest")
    assert supervisor.running() == []
    supervisor.restart("ingest")
    assert supervisor.running() == ["ingest"]
    await supervisor.stop_all()


async def test_one_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(Command("deaf", [sys.executable, "-c", STUBBORN], log=log, grace_seconds=0.3))
    while "deaf" not in log.read_text():
        await asyncio.sleep(0.05)
    assert await child.stop() == 128 + 9


async def test_a_command_that_cannot_start_or_takes_too_long_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"initdb failed with status 127(.|\n)*could not start /no/such/initdb"):
        await run_to_end(Command("initdb", ["/no/such/initdb"], log=tmp_path / "log"), 20)
    with pytest.raises(StackError, match="format took longer than 0 s"):
        await run_to_end(Command("format", ["sleep", "100"]), 0.3)
