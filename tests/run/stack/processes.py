"""Helpers of the stack's tests: a parent process to kill, and who is left of a home after that."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

PARENT = """
import asyncio, json, sys
from services.run.settings import load_settings
from services.run.stack import running_stack
from services.run.stack.child import Command
from services.run.stack.supervise import Supervisor, stop_on_signals

async def main(home):
    supervisor = Supervisor()
    async with running_stack(load_settings(home=home)) as endpoints:
        print(json.dumps([endpoints.kafka.bootstrap, endpoints.database_url]), flush=True)
        with stop_on_signals(asyncio.Event()) as asked:
            supervisor.start(Command("sleeper of " + home, ["sleep", "1000"]))
            await asked.wait()
            await supervisor.stop_all()

asyncio.run(main(sys.argv[1]))
"""


def start_parent(home: Path) -> "subprocess.Popen[str]":
    """A process that runs a stack and a command in this home; it is up when this returns."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(home)], stdout=subprocess.PIPE, text=True, env=env)
    assert parent.stdout is not None
    line = next(line for line in parent.stdout if line.startswith("["))  # after its log lines
    assert len(json.loads(line)) == 2
    until(lambda: any("sleep" in name for name in names(descendants(parent.pid))))
    return parent


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def names(processes: list[psutil.Process]) -> list[str]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(process.name())
    return found


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie, which only waits to be reaped, does not."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits until it holds, or fails."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"did not come to hold in {seconds} s"
        time.sleep(0.05)
