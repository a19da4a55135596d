"""Days of schedules, counted on a grid, are those that a calendar names one by one; and what they pay in and cost."""

import time
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.resources.catalog import Frequency
from projections.calendar import Period, add_months, grid
from projections.money import Rounding
from projections.schedules import Recurrence, fee_periods, recurrence
from projections.settlement import draft_bills, settle
from projections.settlement.payments import PaidIn, Recurring, paid_in
from projections.settlement.states_by_day import burn_down
from services.simulate.naming import id_of
from tests.settlement.playing import family_of, play_text

FREQUENCIES: list[Frequency] = ["DAILY", "WEEKLY", "MONTHLY", "ANNUALLY"]
DAYS = st.dates(date(2023, 12, 1), date(2026, 3, 1))
SHORT = st.integers(0, 500)


@st.composite
def recurrences(draw: st.DrawFn) -> tuple[Recurrence, list[date]]:
    """Days on a grid in a window, and the same one by one from the epoch."""
    frequency, interval, epoch = draw(st.sampled_from(FREQUENCIES)), draw(st.integers(1, 5)), draw(DAYS)
    start = draw(DAYS)
    window = Period(start, start + timedelta(days=draw(SHORT)))
    if frequency in ("DAILY", "WEEKLY"):
        step = interval * (1 if frequency == "DAILY" else 7)
        every = [epoch + timedelta(days=step * number) for number in range(-1400 // step, 1400 // step)]
    else:
        step = interval * (1 if frequency == "MONTHLY" else 12)
        every = [add_months(epoch, step * number) for number in range(-60, 60)]
    return recurrence(grid(frequency, interval, epoch), window), [day for day in every if window.holds(day)]


few = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(recurrences(), DAYS, SHORT)
def test_days_that_are_counted_are_those_that_come_one_by_one(
    recurrence_and_days: tuple[Recurrence, list[date]], day: date, length: int
) -> None:
    days, every = recurrence_and_days
    assert [days.at(number) for number in range(days.stop - days.first)] == every
    assert days.by(day) == sum(due <= day for due in every)
    period = Period(day, day + timedelta(days=length))
    assert list(days.within(period)) == [day for day in every if period.holds(day)]


@few
@given(
    st.lists(st.tuples(DAYS, st.integers(-40, 90).filter(bool)), max_size=5),
    st.lists(st.tuples(recurrences(), st.integers(1, 30)), max_size=2),
    DAYS,
)
def test_what_can_be_drawn_on_a_day_is_the_least_that_is_there_from_then_on(
    posted: list[tuple[date, int]], scheduled: list[tuple[tuple[Recurrence, list[date]], int]], day: date
) -> None:
    payments = [(at, Decimal(amount)) for at, amount in posted]
    posted_money = paid_in(Rounding(0), payments, date.min)
    recurring = tuple(Recurring(recurrence, amount) for (recurrence, _), amount in scheduled)
    there = [total + sum(series.by(at) for series in recurring) for at, total in _totals(posted)]
    least = tuple(min(there[number:]) for number in range(len(there)))
    money_paid_in = PaidIn(posted_money.posted, posted_money.totals, least, recurring, posted_money.named)
    every = [*posted, *((at, amount) for (_, days), amount in scheduled for at in days)]
    later = {day, *(at for at, _ in every if at > day)}
    assert money_paid_in.drawable(day) == min(sum(amount for at, amount in every if at <= moment) for moment in later)
    assert money_paid_in.most == sum(amount for _, amount in every)
    assert money_paid_in.by(day) == sum(amount for _, amount in posted) + sum(
        amount for (_, days), amount in scheduled for at in days if at <= day
    )


def _totals(posted: list[tuple[date, int]]) -> list[tuple[date, int]]:
    return [(day, sum(amount for at, amount in posted if at <= day)) for day in sorted({at for at, _ in posted})]


STORY = """
organization: {{currency: USD, timezone: {zone}, monthEpoch: 1970-01-10}}
accounts: [{{code: acme}}]
balances: [{{code: wallet, account: acme, startDate: 2024-01-01, endDate: 2029-01-01}}]
balanceTransactionSchedules: [{{code: up, balance: wallet, amount: 1, {top_up}}}]
balanceChargeSchedules: [{{code: fee, balance: wallet, amount: 1, {fee}}}]
steps: [{{transaction: {{balance: wallet, amount: 1, date: 2024-01-01}}}}]
"""
TOP_UP = "startDate: 2024-02-29, endDate: 2029-01-01, frequency: ANNUALLY"
FEE = "servicePeriodStartDate: 2024-01-15, servicePeriodEndDate: 2024-04-01, billInAdvance: true"


def days_of(fee: str = FEE, top_up: str = TOP_UP, zone: str = "UTC", since: date = date.min) -> list[Period | date]:
    """The days of the top-ups, and the service periods and days of the fees."""
    player = play_text(STORY.format(zone=zone, fee=fee, top_up=top_up))
    [fund] = family_of(player).terms.funds
    [schedule] = player.resources.balance_charge_schedules.values()
    balance = player.resources.balances[id_of("balance", "wallet")].body
    fees = fee_periods(player.resources, schedule, balance, zone, since)
    years = Period(date(2024, 1, 1), date(2030, 1, 1))
    paid = [day for top_up in fund.paid_in.top_ups for day in top_up.days.within(years)]
    return [*paid, *(part for fee in fees for part in (fee.period, fee.due))]


def test_a_leap_day_comes_again_on_the_last_of_february() -> None:
    years = [date(2024, 2, 29), date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29)]
    assert days_of(fee=FEE.replace("04-01", "01-15")) == years


def test_fees_follow_the_organizations_epoch_where_the_schedule_has_none() -> None:
    no_days = "startDate: 2024-01-01, endDate: 2024-01-01"
    periods = [(date(2024, 1, 15), date(2024, 2, 10)), (date(2024, 2, 10), date(2024, 3, 10)),
               (date(2024, 3, 10), date(2024, 4, 1))]  # fmt: skip
    in_advance = [part for start, end in periods for part in (Period(start, end), start)]
    assert days_of(top_up=no_days) == in_advance
    assert days_of(FEE.replace("true", "false"), no_days) == [
        part for period in periods for part in (Period(*period), period[1])
    ]
    own = days_of(f"{FEE}, billEpoch: 2023-12-31, billFrequencyInterval: 2", no_days)
    assert own == [Period(date(2024, 1, 15), date(2024, 2, 29)), date(2024, 1, 15),
                   Period(date(2024, 2, 29), date(2024, 4, 1)), date(2024, 2, 29)]  # fmt: skip


def test_a_moment_names_the_day_on_which_it_falls_in_the_accounts_zone() -> None:
    top_up = "startDate: 2024-03-01T03:00:00Z, endDate: 2024-03-02T06:00:00Z, frequency: DAILY"
    no_fee = FEE.replace("04-01", "01-15")
    assert days_of(no_fee, top_up) == [date(2024, 3, 1)]
    assert days_of(no_fee, top_up, "America/New_York") == [date(2024, 2, 29), date(2024, 3, 1)]


def test_what_comes_after_a_day_is_told_without_what_was_long_before() -> None:
    """The last one by the day is there as well: it is the schedule's previous run."""
    for in_advance in ("true", "false"):
        fee = f"servicePeriodStartDate: 2024-01-03, servicePeriodEndDate: 2029-01-01, billInAdvance: {in_advance}"
        every = [part for part in days_of(fee) if not isinstance(part, Period)][5:]
        for since in (date(2024, 1, 1), date(2026, 5, 9), date(2026, 5, 10), date(2026, 5, 11), date(2028, 12, 31)):
            days_since = [part for part in days_of(fee, since=since) if not isinstance(part, Period)][5:]
            wanted = [day for day in every if day > since]
            assert days_since[len(days_since) - len(wanted) :] == wanted
            assert days_since[: len(days_since) - len(wanted)][-1:] == [day for day in every if day <= since][-1:]
            assert len(days_since) <= len(wanted) + 3


LONG = """
meters: [{code: calls, dataFields: [{code: n, category: MEASURE}]}]
aggregations: [{code: units, meter: calls, targetField: n}]
plans: [{code: basic, product: api, pricings: [{code: price, aggregation: units, pricingBands: [{unitPrice: 1}]}]}]
accounts: [{code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}]
balances: [{code: wallet, account: acme, startDate: 1970-01-01, endDate: 2200-01-01}]
balanceTransactionSchedules:
  - {code: up, balance: wallet, amount: 1, startDate: 1970-01-01, endDate: 2200-01-01, frequency: DAILY}
balanceChargeSchedules:
  - {code: fee, balance: wallet, amount: 1, billFrequency: DAILY, billInAdvance: true,
     servicePeriodStartDate: 2026-01-01, servicePeriodEndDate: 2200-01-01}
steps:
  - usage: {account: acme, meter: calls, ts: 2026-01-10T00:00:00Z, measure: {n: 9},
            repeat: {every: 1d, until: 2026-02-01T00:00:00Z}}
"""


def test_a_schedule_of_two_hundred_years_costs_what_is_asked_of_it() -> None:
    family = family_of(play_text(LONG))
    began = time.process_time()
    settlement = settle(family, through=date(2026, 2, 1), accrued=False)
    assert time.process_time() - began < 2
    [state] = settlement.balances.values()
    came = (date(2026, 2, 1) - date(1970, 1, 1)).days + 1
    assert (state.top_ups, state.amount_spent, state.amount_remaining) == (came, 22 * 9, came - 22 * 9)
    assert sum(charge.type == "BALANCE_FEE" for charge in settlement.others) == 32
    [bill] = draft_bills(family, date=date(2026, 2, 1))
    assert bill.total == 32


AHEAD = """
accounts: [{code: acme}]
balances: [{code: wallet, account: acme, startDate: 2026-01-01, endDate: 2026-04-01}]
balanceTransactionSchedules: [{code: up, balance: wallet, amount: 10, startDate: 2026-01-01, endDate: 2026-04-01}]
charges: [{code: c, account: acme, amount: 25, billDate: 2026-01-15,
           servicePeriodStartDate: 2026-03-01, servicePeriodEndDate: 2026-03-02}]
steps: [{bill: {date: 2026-01-01}, expect: []}]
"""


def test_what_is_not_due_counts_as_far_as_a_later_charge_has_drawn_it() -> None:
    family = family_of(play_text(AHEAD))
    told = []
    for through in (date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 15), date(2026, 3, 1), date(2026, 4, 1)):
        [state] = settle(family, through=through, accrued=True).balances.values()
        told.append([state.status, *map(int, (state.top_ups, state.amount_spent, state.amount_remaining))])
        assert state.amount_lapsed == state.top_ups - state.amount_spent - state.amount_remaining
    assert told == [
        ["UPCOMING", 0, 0, 0], ["ACTIVE", 10, 0, 10], ["EXHAUSTED", 25, 25, 0], ["ACTIVE", 30, 25, 5],
        ["ENDED", 30, 25, 0],
    ]  # fmt: skip


def test_a_burn_down_has_the_day_of_each_top_up() -> None:
    family = family_of(play_text(AHEAD.replace("amount: 25", "amount: 0")))
    days = list(burn_down(family, id_of("balance", "wallet"), settle(family, through=date(2026, 5, 1), accrued=True)))
    assert [(day.day, day.remaining, day.lapsed) for day in days] == [
        (date(2026, 1, 1), 10, 0), (date(2026, 2, 1), 20, 0), (date(2026, 3, 1), 30, 0), (date(2026, 4, 1), 0, 30),
    ]  # fmt: skip
    assert all(day.day < following.day for day, following in pairwise(days))


BOOKED = """
products: [{code: fees}]
accounts: [{code: acme}]
contracts: [{code: frame, account: acme, startDate: 2026-01-01, endDate: 2027-01-01}]
balances: [{code: wallet, account: acme, contract: frame, feesAccountingProduct: fees,
            startDate: 2026-01-01, endDate: 2027-01-01}]
balanceChargeSchedules: [{code: fee, balance: wallet, amount: 1, billInAdvance: true,
                          servicePeriodStartDate: 2026-01-01, servicePeriodEndDate: 2026-03-01}]
steps: [{transaction: {balance: wallet, amount: 1, date: 2026-01-01}}]
"""


def test_a_fee_has_the_balances_product_and_contract_and_an_id_that_stays() -> None:
    ids = []
    for _ in range(2):
        [bill] = draft_bills(family_of(play_text(BOOKED)), date=date(2026, 2, 1))
        assert bill.frequency == "AD_HOC"
        for line in bill.lines:
            assert line.wording["accounting_product_id"] == id_of("product", "fees")
            assert line.wording["contract_id"] == id_of("contract", "frame")
            assert line.wording["balance_id"] == id_of("balance", "wallet")
        ids.append([line.wording["charge_id"] for line in bill.lines])
    assert ids[0] == ids[1] and len(set(ids[0])) == 2


NOTHING = """
accounts: [{code: acme}]
balances: [{code: wallet, account: acme, startDate: 2026-01-01, endDate: 2026-04-01}]
balanceTransactionSchedules: [{code: up, balance: wallet, amount: 0, startDate: 2026-01-05, endDate: 2026-04-01}]
charges: [{code: c, account: acme, amount: 25, servicePeriodStartDate: 2026-01-20, servicePeriodEndDate: 2026-01-21}]
steps:
  - transaction: {balance: wallet, amount: 10, date: 2026-01-01}
  - transaction: {balance: wallet, amount: 0, date: 2026-01-15}
"""


def test_what_puts_nothing_in_changes_no_bill() -> None:
    family = family_of(play_text(NOTHING))
    [bill] = draft_bills(family, date=date(2026, 2, 1))
    assert [(line.type, line.amount) for line in bill.lines] == [("AD_HOC", 25), ("BALANCE_CONSUMED", -10)]
    [state] = settle(family, through=date(2026, 2, 1), accrued=False).balances.values()
    assert (state.top_ups, state.amount_spent, state.amount_remaining) == (10, 10, 0)
