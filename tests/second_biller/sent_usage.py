"""Usage as a step sends it, and as it is taken out, or changed, by its uid: then it is settled as if it had come so."""

from collections import Counter
from datetime import datetime, timedelta

from .rates import Record
from .reading import Thing, absent, instant
from .refusals import Refused
from .world import Unknown

SPANS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1),
         "s": timedelta(seconds=1)}  # fmt: skip
#: By account and uid what came under it; None once it was voided.
Sent = dict[tuple[str, str], Record | None]
#: Of an amendment and of what it amends, what is no field of the meter.
_WHICH = {"account", "meter", "ts", "uid", "ets"}


def times_of(body: Thing) -> list[datetime]:
    """When it comes, once or again and again."""
    times, repeat = [instant(body["ts"])], body.get("repeat")
    if repeat:
        every = SPANS[str(repeat["every"])[-1]] * int(str(repeat["every"])[:-1])
        until = instant(repeat["until"])
        while times[-1] + every < until:
            times.append(times[-1] + every)
    return times


def content(body: Thing, moment: datetime) -> Thing:
    """What a usage record says, beside who says it."""
    said = {name: value for name, value in body.items() if name not in {"account", "uid", "ts", "repeat"} and value}
    return {**said, "ts": moment}


def void(records: list[Record], sent: Sent, body: Thing) -> None:
    """As if it had never come."""
    key = _came(sent, body)
    if (record := sent[key]) is not None:
        records.remove(record)
        sent[key] = None


def amend(records: list[Record], sent: Sent, body: Thing) -> None:
    """As if it had come with these fields."""
    key = _came(sent, body)
    if (record := sent[key]) is None:
        raise Refused(f"usage {key[1]} is voided, and stays so")
    told = {name: value for name, value in record.data.items() if name in _WHICH}
    said = {name: value for name, value in body.items() if name not in _WHICH}
    amended = Record(record.account, record.meter, record.at, record.identity, record.day, {**told, **said})
    records[records.index(record)] = sent[key] = amended


def _came(sent: Sent, body: Thing) -> tuple[str, str]:
    key = (str(body["account"]), str(body["uid"]))
    if key not in sent:
        raise Unknown(f"there is no usage of account {key[0]} with id {key[1]}")
    return key


class Persons:
    """Whom usage names. Where accounts can be forgotten, the same name is somebody else in each account, and after each
    forgetting."""

    def __init__(self, scenario: Thing) -> None:
        self.keeps_keys = (scenario.get("organization") or {}).get("personalData") == "ERASABLE"
        self.forgotten = Counter[str]()

    def forget(self, account: str) -> None:
        if not self.keeps_keys:
            raise Refused("organization keeps personal data as all else")
        self.forgotten[account] += 1

    def named(self, body: Thing) -> Thing:
        """What usage says, each by whom it means."""
        if not self.keeps_keys or absent(body.get("who")):
            return body
        account = str(body["account"])
        return {**body, "who": {code: (account, self.forgotten[account], name) for code, name in body["who"].items()}}
