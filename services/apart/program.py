"""The version of the program that folds, by its text."""

from functools import cache
from hashlib import blake2b
from pathlib import Path

from projections.readmodels import registry

_ROOT = Path(__file__).parents[2]
#: The folders with the code that rows and issued bills follow from, the code that proves them, and what machines that
#: fold together say to each other.
_ROOMS = ("events", "projections", "services/projection", "services/readside", "services/audit", "services/apart")


@cache
def program_version() -> str:
    """A digest of every source file that the result of a fold depends on, and of the read models' definition.

    It covers the text itself, so that nobody has to remember to raise a version number. A release that changes nothing
    but a comment costs one audit from the beginning.
    """
    digest = blake2b(registry.VERSION.encode(), digest_size=16)
    for path in sorted(path for room in _ROOMS for path in (_ROOT / room).rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_ROOT)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
