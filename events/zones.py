"""Time zones: the names and rules of the IANA database in the package `tzdata`, the same on every host.

`ZoneInfo(name)` reads the host's files first. So two hosts with different files would assign one instant to different
days, and a replay on another host would give other bills. The ways to turn that off (`reset_tzpath`, `PYTHONTZPATH`)
affect the whole process, and only zones that were not used yet. So each zone is read from the package here, and no
other module makes a zone.

The day in a zone is cached by the hour, because every usage record asks for it.
"""

from datetime import date, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_DATABASE = files("tzdata")
#: A name in the database that is no place's time: installers show it before a zone is chosen.
_NO_ZONE = {"", "Factory"}
#: A dozen years of hours: usage comes in order of time, so entries that fell out are rarely needed again.
_MOST_HOURS = 100_000


@cache
def zone_names() -> frozenset[str]:
    """Every name of the database, older ones included, without the files `localtime`, `posixrules` and `right/...`."""
    return frozenset(_DATABASE.joinpath("zones").read_text().split("\n")) - _NO_ZONE


@cache
def time_zone(name: str) -> ZoneInfo:
    """The zone of this name, the same object each time.

    Accounts of earlier days may name a file of the host instead (`posix/Europe/Berlin`): their days stay as they were.
    Raises: ZoneInfoNotFoundError if this host has no such zone.
    """
    if name not in zone_names():
        return ZoneInfo(name)
    with _DATABASE.joinpath(f"zoneinfo/{name}").open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)


def day_in(zone: tzinfo, instant: datetime) -> date:
    """The zone's day at an instant."""
    return instant.astimezone(zone).date()


class ZoneDays(dict[str, date]):
    """Caches the zone's day by the text of an hour of UTC, for hours that lie within one day.

    Nearly every instant is found by the first 13 characters of its text. The other instants (an hour in which a day
    begins or the clock changes, a text with an offset other than Z) are computed.
    """

    def __init__(self, zone: tzinfo) -> None:
        super().__init__()
        self.zone = zone
        self._torn: set[str] = set()

    def day(self, ts: str) -> date:
        """The day of an instant whose hour is not cached."""
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
