"""Time zones: the names and the rules of the IANA database as the package `tzdata` brings them, on every host alike.

`ZoneInfo(name)` looks into the host's files first, so two hosts with different files would give one instant different
days, and a replay on another host other bills. What would turn that off (`reset_tzpath`, `PYTHONTZPATH`) does so for
the whole process and everything in it, and only for zones that nobody has asked for yet. So each zone is read from the
package here, and nobody else makes one.
"""

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_DATABASE = files("tzdata")
#: In the database, and no place's time: what an installer shows before a zone is chosen.
_NO_ZONE = {"", "Factory"}


@cache
def zone_names() -> frozenset[str]:
    """Every name of the database, older names included; `localtime`, `posixrules`, `right/...` are names of files."""
    return frozenset(_DATABASE.joinpath("zones").read_text().split("\n")) - _NO_ZONE


@cache
def time_zone(name: str) -> ZoneInfo:
    """The zone of this name, the same object each time.

    Accounts of earlier days may name a file of the host instead (`posix/Europe/Berlin`): their days stay what they
    were. Raises: ZoneInfoNotFoundError for one that this host has not.
    """
    if name not in zone_names():
        return ZoneInfo(name)
    with _DATABASE.joinpath(f"zoneinfo/{name}").open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)
