"""Runs one command and outlives its parent just long enough to end it: no orphan, whatever kills the parent.

Run by path with a bare interpreter, so it imports the standard library only and costs about 10 MB:

    python -I -S watch.py <descriptor> <stop signal> <grace seconds> <user id or -1> <group id or -1> command...

The descriptor is one end of a line to the parent, on which nothing is ever said. When the parent is gone (also by
kill -9), its end is closed, and the command gets its stop signal, then SIGKILL after the grace. The parent learns in
the same way that this process is gone. So neither has to look again and again, on any Unix. On Linux the kernel also
kills the command if this very process is killed. SIGTERM and SIGINT stop the command, too; SIGQUIT kills it at once.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def die_with_watch() -> None:
    """In the new child, before its exec: ask Linux for SIGKILL when this process's parent, the watch, dies.

    The kernel ties this to the *thread* that forked, so the watch forks from its only thread. Set after the change of
    user, which would clear it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(child: subprocess.Popen[bytes], stop_signal: int, grace_seconds: float) -> int:
    """Asks the child to end, waits, then kills. Returns its exit status."""
    child.send_signal(stop_signal)
    try:
        return child.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def watch(line: int, stop_signal: int, grace_seconds: float, user: int, group: int, command: Sequence[str]) -> int:
    received: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda arrived, _: received.append(arrived))
    signals = _readable_at_signals()
    # The warning about preexec_fn is for programs with threads; this one has none.
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=die_with_watch,  # noqa: PLW1509
        user=user if user >= 0 else None,
        group=group if user >= 0 else None,
        extra_groups=[] if user >= 0 else None,
    )
    while child.poll() is None:
        if signal.SIGQUIT in received:
            child.kill()
            return int(child.wait())
        if received:
            return stop(child, stop_signal, grace_seconds)
        ready, _, _ = select.select([signals, line], [], [])
        if line in ready:
            return stop(child, stop_signal, grace_seconds)
        os.read(signals, 512)
    return int(child.returncode)


def _readable_at_signals() -> int:
    """A descriptor that has something to read after each signal, the one for a child's end included."""
    ours, pythons = os.pipe()
    os.set_blocking(pythons, False)
    signal.set_wakeup_fd(pythons, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return ours


def as_shells_say(status: int) -> int:
    """An exit status of 0 or more: 128 + the signal's number of what died of one."""
    return status if status >= 0 else 128 - status


def main(argv: Sequence[str]) -> int:
    line, stop_signal, grace_seconds, user, group, *command = argv
    try:
        return as_shells_say(watch(int(line), int(stop_signal), float(grace_seconds), int(user), int(group), command))
    except OSError as error:
        print(f"could not start {command[0]}: {error}", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
