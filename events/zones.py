"""Time zones: the names and the rules of the IANA database as the package `tzdata` brings them, on every host alike.

`ZoneInfo(name)` looks into the host's files first, so two hosts with different files would give one instant different
days, and a replay on another host other bills. What would turn that off (`reset_tzpath`, `PYTHONTZPATH`) does so for
the whole process and everything in it, and only for zones that nobody has asked for yet. So each zone is read from the
package here, and nobody else makes one.

What day it is in a zone is remembered by the hour: usage asks for it with every record.
"""

from datetime import date, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_DATABASE = files("tzdata")
#: In the database, and no place's time: what an installer shows before a zone is chosen.
_NO_ZONE = {"", "Factory"}
#: A dozen years: usage comes in order of time, so what was forgotten is rarely asked for.
_MOST_HOURS = 100_000


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


def day_in(zone: tzinfo, instant: datetime) -> date:
    """The day of the zone that an instant falls on."""
    return instant.astimezone(zone).date()


class ZoneDays(dict[str, date]):
    """The day of the zone by the text of an hour of UTC, for the hours that lie in one day.

    Nearly every instant is found by the first 13 characters of its text; the rest (an hour in which a day begins or
    the clock is changed, a text with another offset than Z) is worked out.
    """

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self.zone = zone
        self._torn: set[str] = set()

    def day(self, ts: str) -> date:
        """The day of an instant that is not known by its hour."""
        at = datetime.fromisoformat(ts)
        day = day_in(self.zone, at)
        hour = ts[:13]
        if ts[-1] == "Z" and ts[10] == "T" and hour not in self._torn:
            start = at.replace(minute=0, second=0, microsecond=0)
            last = start + timedelta(minutes=59, seconds=59, microseconds=999_999)
            begins, ends = start.astimezone(self.zone), last.astimezone(self.zone)
            # A clock that is set back at 00:01 (St. John's until 2011) ends such an hour in the day in which it began,
            # with a minute of the next day in between.
            if begins.date() == ends.date() and begins.utcoffset() == ends.utcoffset():
                if len(self) >= _MOST_HOURS:
                    self.clear()
                self[hour] = day
            else:
                self._torn.add(hour)
        return day
