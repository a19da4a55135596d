"""Runs one command, and ends it if the parent process ends, whatever ends that: so the command never runs on alone.

It is run by path with a bare interpreter, so it imports the standard library only and takes about 10 MB:

    python -I -S watch.py <descriptor> <stop signal> <grace seconds> <user id or -1> <group id or -1> command...

The descriptor is one end of a socket to the parent, over which nothing is sent. When the parent has ended (even by
kill -9), the other end is closed; then the command gets its stop signal, and SIGKILL after the grace period. The parent
learns in the same way that this process has ended. So neither has to poll, on any Unix. On Linux the kernel also kills
the command if this process is killed. SIGTERM and SIGINT stop the command, too; SIGQUIT kills it at once.
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
    """Ask Linux to send this process SIGKILL when its parent, the watch, dies. Called in the new child before its exec.

    The kernel ties this to the *thread* that forked, so the watch must fork from its only thread. It is called after
    the change of user, which would clear it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(child: subprocess.Popen[bytes], stop_signal: int, grace_seconds: float) -> int:
    """Ask the child to end, and kill it after the grace period. Returns: its exit status, negative for a signal."""
    child.send_signal(stop_signal)
    try:
        return child.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def watch(line: int, stop_signal: int, grace_seconds: float, user: int, group: int, command: Sequence[str]) -> int:
    """Run the command until it ends, a signal comes, or the parent ends. Returns: its exit status, negative if a signal
    ended it.

    `line`: the descriptor that becomes readable when the parent has ended; `user`, `group`: ids, or -1 to keep ours.
    """
    received: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda arrived, _: received.append(arrived))
    signals = _readable_at_signals()
    # preexec_fn is unsafe only in programs with threads; this one has none.
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
    """A descriptor that becomes readable at each signal, including SIGCHLD, the one for a child's end."""
    ours, pythons = os.pipe()
    os.set_blocking(pythons, False)
    signal.set_wakeup_fd(pythons, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return ours


def as_shells_say(status: int) -> int:
    """An exit status as shells give it: 128 + the signal's number if a signal ended the process."""
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
