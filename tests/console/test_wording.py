"""How numbers, days and names are spelled, and which addresses are harmless."""

from decimal import Decimal

import pytest

from services.console.explained import marked_rule
from services.console.forms import form_of
from services.console.sessions import Base
from services.console.wording import (
    amount,
    day,
    day_at,
    leaves,
    moment,
    money,
    month,
    number,
    price,
    quantity,
    span,
    spelled_in,
    words,
)
from tests.console.visiting import parsed


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (Decimal("1204.17"), "USD", "$1,204.17"),
        (0, "USD", "$0.00"),
        (Decimal("-12.5"), "EUR", "-€12.50"),
        (Decimal(12000), "JPY", "¥12,000"),
        (Decimal("1.234"), "KWD", "KWD 1.234"),
        (Decimal("12345678901234567890.12"), "USD", "$12,345,678,901,234,567,890.12"),
        (Decimal("5.00"), "XTS", "XTS 5.00"),
        (Decimal("0.5"), "HUF", "HUF 0.50"),
        (Decimal("1.234"), "IQD", "IQD 1.234"),
        (Decimal("1204.17"), "HUF", "HUF 1,204.17"),
        (Decimal("-0.125"), "IQD", "-IQD 0.125"),
    ],
)
def test_money_has_the_decimals_of_its_currency(value: Decimal, currency: str, text: str) -> None:
    assert money(value, currency).replace("\xa0", " ") == text


def test_an_amount_also_says_its_exact_number() -> None:
    assert amount(Decimal("-1E+3"), "USD") == '<data class="amount negative" value="-1000">-$1,000.00</data>'
    assert amount(0, "JPY") == '<data class="amount zero" value="0">¥0</data>'
    assert (
        quantity(Decimal("1234567.000001")) == '<data class="quantity" value="1234567.000001">1,234,567.000001</data>'
    )


def test_a_price_keeps_all_its_digits() -> None:
    assert (price(Decimal("0.0000025"), "USD"), price(Decimal("2.5"), "USD")) == ("$0.0000025", "$2.50")
    assert number(Decimal("22361870")) == "22,361,870"

    assert price(Decimal("35.5"), "JPY") == "¥35.50", "half a yen is no yen"
    assert price(Decimal(f"{LONG}.5"), "USD").endswith(",678.50")


#: More digits than Python's own arithmetic keeps.
LONG = "12345678901234567890123456789012345678"
FORMS = {
    "en_US": ("$1,204.17", "-¥12,000", "$0.00", "1,234,567.000001", "Jan 1, 2026", "Mar 2026"),
    "en_GB": ("US$1,204.17", "-JP¥12,000", "US$0.00", "1,234,567.000001", "1 Jan 2026", "Mar 2026"),
    "de_DE": ("1.204,17 $", "-12.000 ¥", "0,00 $", "1.234.567,000001", "01.01.2026", "März 2026"),
    "fr_FR": ("1 204,17 $US", "-12 000 JPY", "0,00 $US", "1 234 567,000001", "1 janv. 2026", "mars 2026"),
    "ja_JP": ("$1,204.17", "-￥12,000", "$0.00", "1,234,567.000001", "2026/01/01", "2026年3月"),
}


@pytest.mark.parametrize("locale", FORMS)
def test_numbers_and_days_have_the_form_of_a_locale_and_money_the_decimals_of_its_currency(locale: str) -> None:
    with spelled_in(locale):
        found = (
            money(Decimal("1204.17"), "USD"),
            money(-12000, "JPY"),
            money(0, "USD"),
            number(Decimal("1234567.000001")),
            parsed(day("2026-01-01")).text,
            month("2026-03-01"),
        )
        shown = amount(Decimal(f"-{LONG}.125"), "EUR")
        at = moment("2025-12-31T15:00:00Z", "Asia/Tokyo")
    assert tuple(text.replace("\xa0", " ").replace("\u202f", " ") for text in found) == FORMS[locale]
    assert f'value="-{LONG}.125"' in shown, "what is copied or compared is the exact number, in no form"
    digits = [letter for letter in shown.partition(">")[2] if letter.isdigit()]
    assert "".join(digits) == f"{LONG}12", "half a cent is rounded half even, and no digit is lost"
    assert 'datetime="2026-01-01T00:00:00+09:00"' in at and at.endswith(" Asia/Tokyo</time>")
    assert money(Decimal("1204.17"), "USD") == "$1,204.17", "the form ends with its page"


@pytest.mark.parametrize(
    ("own", "organization", "accepted", "form"),
    [
        ("de-CH", "fr-FR", "ja", "de_CH"),
        (None, "fr_FR", "ja", "fr_FR"),
        (None, None, "xx;q=1, ja;q=0.5, de;q=0.9, *;q=0.1", "de"),
        ("klingon", 7, "en-US,en;q=0.9", "en_US"),
        (None, None, "", "en"),
        ("../../etc", None, "*, ;q=, de;q=0", "en"),
        ("zh-Hant-TW", None, "", "zh_Hant_TW"),
    ],
)
def test_the_form_is_the_accounts_else_the_organizations_else_the_visitors(
    own: object, organization: object, accepted: str, form: str
) -> None:
    account, config = ({"customFields": {"locale": asked}} if asked else {} for asked in (own, organization))
    assert form_of([account, config, None], accepted) == form


def test_days_are_named_and_spans_name_both() -> None:
    assert day("2026-01-01") == '<time datetime="2026-01-01">1 Jan 2026</time>'
    assert span("2026-01-01", "2026-02-01").count("<time") == 2 and "31 Jan 2026" in span("2026-01-01", "2026-02-01")
    assert span("2026-01-01", "2026-01-02") == day("2026-01-01") == span("2026-01-01", "2026-01-01")
    assert "1 Jan 2026" in day("2025-12-31T15:00:00Z", "Asia/Tokyo"), "the day is the account's"
    assert ">1 Jan 2026, 00:00:00 Asia/Tokyo<" in moment("2025-12-31T15:00:00Z", "Asia/Tokyo")


def test_midnight_utc_names_a_term_s_day_in_every_zone_and_what_happened_then_was_on_the_zone_s_day() -> None:
    midnight, zone = "2026-01-01T00:00:00Z", "America/New_York"
    assert day(midnight, zone) == day("2026-01-01"), "a client's spelling of a date (rules 2.7)"
    assert span(midnight, "2026-02-01T00:00:00Z", zone) == span("2026-01-01", "2026-02-01")
    assert day("2026-01-01T04:59:59Z", zone) == day("2025-12-31") == day_at(midnight, zone)


def test_names_of_the_wire_become_words() -> None:
    named = {"MINIMUM_SPEND": "Minimum spend", "accountId": "Account id", "CommitmentCreated": "Commitment created"}
    named |= {"unknown-meter": "Unknown meter", "OVERAGE_USAGE": "Overage", "ingest worker": "Ingest worker"}
    assert {name: words(name) for name in named} == named
    period = ["2026-01-01", "2026-02-01"]
    assert leaves({"a": {"b": period}, "c": [{"d": "x"}]}) == [("a.b", "2026-01-01 to 2026-02-01"), ("c 1.d", "x")]
    assert leaves({"types": ["USAGE", "AD_HOC"], "id": None, "prorate": False}) == [
        ("types", "USAGE, AD_HOC"), ("prorate", "no"),
    ]  # fmt: skip


def test_a_rule_shows_its_numbers_and_nothing_of_it_is_markup() -> None:
    rule = marked_rule("<b>C</b> at x (docs/rules.md 3.11, 3.24 and 8.8).")
    assert rule == "&lt;b&gt;C&lt;/b&gt; at x (<cite>docs/rules.md 3.11, 3.24 and 8.8</cite>)."


@pytest.mark.parametrize(
    "target",
    [
        *(
            "//evil.example",
            "https://evil.example",
            "/console",
            "/consoles/x",
            "/console//evil.example",
            "javascript:x",
        ),
        *("/console/../x", "/\\evil.example", "/console/\\evil", "/console/a\nb", "", "console/x", "/console/%0d\r"),
        "/console/%2e%2E/docs",
    ],
)
def test_the_way_back_leads_to_no_other_place(target: str) -> None:
    assert not Base("/console").is_own(target)


def test_the_way_back_leads_to_pages_of_the_console() -> None:
    assert Base("/console").is_own("/console/organizations/a/accounts?asOf=2026-01-15")
    assert Base("/x/console").is_own("/x/console/") and not Base("/x/console").is_own("/console/")
