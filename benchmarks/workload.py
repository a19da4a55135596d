"""The load: usage of some accounts over some days, in order of time, and what it must lead to, computed independently.

Everything is a function of the event's number, so any process can say what event `n` is. Prices give whole cents
whatever the quantity, so the expected sums below need no rule of rounding.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import md5

from events.topics import partition_of, usage_key
from services.kafka import Record

ACCOUNTS = 1_000
DAYS = 28
START = datetime(2026, 1, 1, tzinfo=UTC)
#: How the measured organization is configured.
ORGANIZATION = {
    "timezone": "UTC",
    "currency": "USD",
    "yearEpoch": "2026-01-01",
    "monthEpoch": "2026-01-01",
    "weekEpoch": "2026-01-05",
    "dayEpoch": "2026-01-01",
    "daysBeforeBillDue": 30,
}
METER = "api"
FIELD = "calls"
#: Tiered and cumulative: two cents a call up to the limit, one cent a call above it.
TIER = 1_000
CENTS = (2, 1)
#: Money on each account's prepayment: never exhausted, so each amount spent tells the whole charge.
PREPAID = 1_000_000
#: The order of accounts in a round; a prime, so that each comes once whatever their number (but its multiples).
_STRIDE = 389


@dataclass(frozen=True, slots=True)
class Load:
    """So many events of one organization, dealt to so many accounts, in a topic of so many partitions."""

    organization: str
    events: int
    partitions: int
    accounts: int = ACCOUNTS
    #: Over which it is spread.
    days: int = DAYS
    #: The number of the first event that is published; those before it are there.
    first: int = 0

    def more(self, turn: int) -> "Load":
        """The load with one more round of events, one for each account; only that round is still to be published."""
        first = self.events + turn * self.accounts
        return replace(self, events=first + self.accounts, first=first)

    def code_of(self, number: int) -> str:
        """Whose event it is: every account once in each round of events."""
        return code(number * _STRIDE % self.accounts)

    def codes(self) -> list[str]:
        """Codes of all accounts."""
        return [code(number) for number in range(self.accounts)]

    def event(self, number: int) -> bytes:
        """The CloudEvent with this number, some 220 bytes; its id is a hash, as random ids do not compress either."""
        moment = START + timedelta(seconds=number * self.days * 86_400 // self.events)
        return usage(self.organization, self.code_of(number), b"%d" % number, moment, calls_of(number))

    def chunks(self, size: int = 50_000) -> Iterator[dict[int, list[Record]]]:
        """All events in order, in chunks, by the partition that their key leads to."""
        partition_by_code = {code: partition_of(self.organization, code, self.partitions) for code in self.codes()}
        for start in range(self.first, self.events, size):
            chunk: dict[int, list[Record]] = {}
            for number in range(start, min(start + size, self.events)):
                whose = self.code_of(number)
                record = Record(usage_key(self.organization, whose), self.event(number))
                chunk.setdefault(partition_by_code[whose], []).append(record)
            yield chunk

    def calls(self) -> dict[str, int]:
        """The quantity of each account, by code."""
        quantities = dict.fromkeys(self.codes(), 0)
        for number in range(self.events):
            quantities[self.code_of(number)] += calls_of(number)
        return quantities


def usage(
    organization: str, subject: str, name: bytes, moment: datetime, calls: int, meter: str = METER, more: str = ""
) -> bytes:
    """A CloudEvent of usage, whose id follows from its name; `more` is what its data have besides, as JSON."""
    usage_id = md5(name, usedforsecurity=False).hexdigest()
    return (
        f'{{"specversion":"1.0","id":"{usage_id}","source":"/edge","type":"trueup.usage",'
        f'"subject":"{subject}","time":"{moment:%Y-%m-%dT%H:%M:%SZ}",'
        f'"organization":"{organization}",'
        f'"data":{{"meter":"{meter}","measure":{{"{FIELD}":{calls}}}{more}}}}}'
    ).encode()


def code(number: int) -> str:
    """The code of the account with this number."""
    return f"account-{number:04}"


def calls_of(number: int) -> int:
    """The event's quantity, 1 to 9."""
    return 1 + number * 7 % 9


def cents_of(calls: int) -> int:
    """What a month of so many calls costs, in cents."""
    return min(calls, TIER) * CENTS[0] + max(calls - TIER, 0) * CENTS[1]
