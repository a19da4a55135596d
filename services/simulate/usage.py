"""What players of a story know of its usage: who publishes it, and ingest's refusals in the file's words."""

import re

from services.simulate.player import RefusedError

TEXTS = ("who", "what", "where", "other", "metadata")
NUMBERS = ("measure", "income", "cost")
#: The publisher of usage that has a uid in the file, and that of other usage: ids of different publishers never meet.
SOURCE, STEPS = "/simulate", "/simulate/steps"
#: What a rule of ingest says of the wire, and what stands in the file instead.
_IN_THE_FILE = (
    (re.compile(r"^id\b"), "uid"),
    (re.compile(r"^subject\b"), "account"),
    (re.compile(r"^time\b"), "ts"),
    (re.compile(r"^data\."), ""),
    (re.compile(r" must stand in data\."), " must stand in "),
    (re.compile(r"^ets must not be before time$"), "ets must not be before ts"),
    (re.compile(rf" of source '{SOURCE}' was used with other content$"), " was used with other content"),
)


def refusal(rule: str) -> RefusedError:
    """The refusal of usage that broke this rule of ingest."""
    told = rule
    for wire, ours in _IN_THE_FILE:
        told = wire.sub(ours, told)
    return RefusedError(f"usage was refused: {told}", rule)
