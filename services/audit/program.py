"""Which program it is that folds, settles and audits: a checkpoint is good for the one that made it."""

from functools import cache
from hashlib import blake2b
from pathlib import Path

from projections.readmodels import registry

_ROOT = Path(__file__).parents[2]
#: What a row or an issued bill follows from, and what proves it.
_ROOMS = ("events", "projections", "services/projection", "services/readside", "services/audit")


@cache
def program_version() -> str:
    """A digest of every source file that what is folded depends on, and of the read models' definition.

    It is taken of the text itself: nobody has to remember to count a version up. A release that changes nothing but a
    comment costs one audit from the beginning.
    """
    digest = blake2b(registry.VERSION.encode(), digest_size=16)
    for path in sorted(path for room in _ROOMS for path in (_ROOT / room).rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_ROOT)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
