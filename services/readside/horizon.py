"""How far ahead of today is settled for whoever asks: as far as forecasts reach, because nobody waits for a later day.

Each day costs something, and the wire's last date is two centuries away. A test clock that was not set yet stands in
1970, and what is asked of its organization is mostly about the present all the same; so the host's day counts where
that is later.
"""

from datetime import UTC, date, datetime

from projections.calendar import bill_date_of
from projections.outlook.forecast import AHEAD
from services.commands.refused import InvalidField


def check_ahead(day: date, today: date, field: str = "asOf") -> None:
    """Check a day that was asked for. Raises: InvalidField if it is further ahead than is settled."""
    latest = max(today, datetime.now(UTC).date())
    if day > latest + AHEAD:
        raise InvalidField(field=field, rule=f"must not be more than {AHEAD.days} days ahead of {latest}")


def bill_day(last_day: date | None, today: date) -> date:
    """The date to settle a bill for: of the bill with this last day, where one is named, else today.

    Raises: InvalidField.
    """
    through = bill_date_of(last_day, today)
    check_ahead(through, today, "lastDateInBillingPeriod")
    return through
