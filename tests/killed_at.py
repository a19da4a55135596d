"""Runs a script again and again, each time in a fork, and kills it -9 before a line that it comes to.

    python tests/killed_at.py SCRIPT [ARGUMENT...]

Reads numbers of such moments from standard input, one a line, and answers each with the fork's wait status. A moment
is a line's first or second turn, in the order in which a run comes to them; at 0 nothing is killed. It needs nothing
but Python, as the examples do; what has the product at hand is killed by `tests/killing.py`.
"""

import importlib.util
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

#: A line in a loop is the same line after that.
TURNS = 2

#: Functions by file; none named: all.
Places = Mapping[str, frozenset[str]]


def loaded(script: Path) -> ModuleType:
    """The script as a module, with all that it imports."""
    sys.path.insert(0, str(script.parent))
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kill_at(moment: int, places: Places, most_turns: int = TURNS) -> None:
    """From now on every line of these places counts, so many times; at the moment this process is gone."""
    turns: Counter[tuple[str, int]] = Counter()
    moments = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal moments
        code = frame.f_code
        functions = places.get(code.co_filename)
        if functions is None or (functions and code.co_name not in functions):
            return None
        if event == "line":
            place = code.co_filename, frame.f_lineno
            turns[place] += 1
            moments += turns[place] <= most_turns
            if moments == moment:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def main() -> None:
    """Answer until there is no more number."""
    name, *arguments = sys.argv[1:]
    script = Path(name).resolve()
    module = loaded(script)
    sys.argv = [str(script), *arguments]
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            if int(line):
                kill_at(int(line), {str(script): frozenset()})
            module.main()
            os._exit(0)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
