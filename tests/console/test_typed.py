"""Numbers that visitors type: however large, small or odd they are, a page says what is wrong with them."""

from decimal import Decimal

import pytest

from services.access.scopes import Scope
from services.console.typed import NUMBER_RULE, fault_of, number_of
from tests.catalog import YEAR
from tests.console.alone import BASE, CONFIG, MadeUp, account, before, bill, line
from tests.console.visiting import parsed

#: Numbers that would not fit a page, and texts that are none.
BEYOND = ["1e18", "1e200", "-1e5000", "1e999999999", "1e9999999999999999999", "9" * 5000]
NONE = ["", " ", "1,5", "1.234,56", "NaN", "-Infinity", "0x10", "1 000", "\0", "ten"]


@pytest.mark.parametrize("text", BEYOND + NONE)
def test_what_the_api_could_not_take_is_no_number(text: str) -> None:
    assert number_of(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("10.50", "10.50"), (" -3 ", "-3"), ("1e3", "1000"), ("1e-999999999", "0"), ("1e-19", "0"), ("-0", "0")],
)
def test_a_number_is_read_to_the_digits_that_the_wire_has(text: str, number: str) -> None:
    assert number_of(text) == Decimal(number)


@pytest.mark.parametrize(("text", "currency", "fault"), [
    ("0.01", "USD", ""), ("0.001", "USD", "at most 2 digits"), ("0.001", "KWD", ""), ("0.5", "JPY", "at most 0 digits"),
    ("0.001", None, ""), ("0", "USD", "above zero"), ("x", "USD", "must be a number"),
])  # fmt: skip
def test_what_is_asked_is_never_another_amount_than_is_sent(text: str, currency: str | None, fault: str) -> None:
    found = fault_of(number_of(text), currency)
    assert fault in found and bool(fault) == bool(found)


async def test_what_the_api_refuses_of_a_line_stands_on_its_form() -> None:
    api = MadeUp(account(**{"bills/b": bill(line(1)), "bills/b/creditlineitems": (400, "description: must be so")}))
    async with before(api) as visit:
        typed = {"kind": "credit", "amount": "1", "description": "Sorry", "lineId": "line-1"}
        sure = (await visit.see("/bills/b/memo", **typed)).every("form", method="post")
        assert [form.attributes["action"] for form in sure] == [f"{BASE}/bills/b/memo"]
        answer = await visit.send("/bills/b/memo", **{
            field.attributes["name"]: field.attributes["value"] for field in sure[0].every("input")
        })  # fmt: skip
        told = parsed(answer.text).one("main")
        assert (answer.status_code, told.one("p", role="alert").text) == (400, "description: must be so")
        assert told.one("input", name="description").attributes["value"] == "Sorry"


@pytest.mark.parametrize("text", [*BEYOND, "1e-999999999", "1,5", "-1", "0"])
async def test_no_amount_brings_a_page_down(text: str) -> None:
    owner = account(organizationconfig=CONFIG | {"currency": "USD"})
    commitment = {"id": "c", "code": "pre", "accountId": "a", "amount": 10, "currency": "USD", **YEAR}
    api = MadeUp(owner | {"bills/b": bill(line(1)), "commitments/c": commitment})
    async with before(api) as visit:
        given = {"kind": "credit", "amount": text, "description": "Sorry", "lineId": "line-1"}
        told = (await visit.see("/bills/b/memo", **given)).one("p", role="alert").text
        assert told in (f"The amount {NUMBER_RULE}.", "The amount must be above zero.")
        ruled = await visit.see("/accounts/a/automatic", kind="bill", code="above", threshold=text)
        assert "threshold: must be" in ruled.one("p", role="alert").text
        asked = await visit.http.get(
            f"{BASE}/accounts/a/what-if", params={"commitment": "c", "commitment.amount": text}
        )
        assert asked.status_code in (200, 400), asked.text
        assert (await visit.send("/bills/b/approve", seen=text)).status_code == 409, "it is not what it comes to"


async def test_who_may_not_write_is_not_asked_what_to_write() -> None:
    owner = account(organizationconfig=CONFIG | {"currency": "USD"})
    api = MadeUp(owner | {"bills/b": bill(line(1))}, scopes=frozenset({Scope.READ}))
    async with before(api) as visit:
        for path in ("/bills/b/memo?kind=credit", "/bills/b/memo?kind=debit", "/accounts/a/automatic?kind=bill"):
            page = parsed((await visit.http.get(BASE + path)).text).one("main")
            assert "takes scope write" in page.text and not page.every("form"), path
