"""The day that SQL finds in a body is the day that the rule finds (rules 2.7)."""

import json

import pytest

from events.dates import read_moment
from events.resources.base import moment_text
from projections.calendar import named_day
from services.store.listing import _day
from tests.events.dates import FORMS
from tests.store.kit import Store

pytestmark = pytest.mark.stack

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Kiritimati", None)
QUERY = f"SELECT {_day('e', 'startDate')} FROM (SELECT $1::jsonb AS body, $2::text AS timezone) e"


@pytest.mark.parametrize("zone", ZONES)
async def test_every_form_names_the_same_day(store: Store, zone: str | None) -> None:
    moments = [read_moment(form) for form, (_, moment, _) in FORMS.items() if moment is not None]
    assert len(moments) > 10
    async with store.postgres.connection() as connection:
        for moment in moments:
            body = json.dumps({"startDate": moment_text(moment)})
            assert await connection.fetchval(QUERY, body, zone) == named_day(moment, zone or "UTC").isoformat(), moment
