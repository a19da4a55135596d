"""Pages of what a real API seldom comes to: servers that are away, keys that are good for little, hostile texts."""

import pytest

from services.access.scopes import Scope
from services.console.asking import path_of
from tests.console.alone import ACCOUNT, BASE, CONFIG, EMPTY, HOSTILE, ID, MadeUp, account, before, bill, line, links
from tests.console.visiting import parsed

AWAY = (503, "Postgres is away, try again later")


async def test_a_server_that_is_away_is_said_on_the_page() -> None:
    async with before(MadeUp(otherwise=AWAY)) as visit:
        for path in ("", "/accounts", "/accounts/a", "/bills/b", "/commitments/c", "/balances/x", "/search?q=acme"):
            page = await visit.see(path, 503)
            assert page.one("h1").text == "Not now" and page.one("p", role="alert").text == AWAY[1]


async def test_a_part_that_is_missing_is_said_where_it_would_stand() -> None:
    answers = account()
    for path in answers.keys() - {"accounts/a", "organizationconfig"}:
        async with before(MadeUp(answers | {path: AWAY})) as visit:
            page = await visit.see("/accounts/a")
            told = [paragraph.text for paragraph in page.every("p") if "could not be had now" in paragraph.text]
            span = "Between which days there is anything to see could not be had now."
            said = {"accounts/a/outlook": [], "accounts/a/timespan": [span]}
            assert told == said.get(path, [f"This could not be had now: {AWAY[1]}"]), path


async def test_who_was_signed_in_too_long_ago_signs_in_and_comes_back() -> None:
    async with before(MadeUp(account(**{"accounts/a/unbilled": (401, "the token has ended")}))) as visit:
        answer = await visit.http.get(f"{BASE}/accounts/a", params={"billsFrom": "x"})
        wanted = "/console/sign-in?next=%2Fconsole%2Forganizations%2Fo%2Faccounts%2Fa%3FbillsFrom%3Dx"
        assert (answer.status_code, answer.headers["location"]) == (303, wanted)
        assert answer.headers["set-cookie"].startswith('trueup_console="";'), "the cookie is of no use any more"


async def test_what_is_empty_says_so_in_each_of_its_parts() -> None:
    async with before(MadeUp(account())) as visit:
        page = await visit.see("/accounts/a")
        assert len([paragraph for paragraph in page.every("p") if paragraph.attributes.get("class") == "empty"]) == 7
    quiet = {"usage/rejected": EMPTY, "billjobs": EMPTY, "audit/checkpoints": EMPTY, "health": {"status": "ok"}}
    quiet |= {"bills": EMPTY, "accounts": EMPTY, "system": {"passes": [], "usage": [], "log": []}}
    async with before(MadeUp(quiet)) as visit:
        assert "No bill job was started yet." in (await visit.see("/operations")).text
        assert "There is no such bill yet." in (await visit.see("/bills")).text
        assert "No bill waits for approval." in (await visit.see("/bills", status="PENDING")).text
        assert "There are no accounts yet." in (await visit.see("/accounts")).text
        assert "There are no older accounts." in (await visit.see("/accounts", nextToken="x")).text


JOB = {
    **{"id": "j 1", "type": "CREATE", "dtCreated": "2026-02-01T00:00:00Z", "createdBy": "me", "total": 8, "pending": 3},
    **{"billIds": ["b"], "lastDateInBillingPeriod": "2026-01-31", "failures": [{"message": "no price"}]},
}


@pytest.mark.parametrize(("status", "may_end"), [("RUNNING", True), ("PENDING", True), ("COMPLETE", False)])
async def test_a_job_that_runs_shows_how_far_it_is_and_is_ended(status: str, may_end: bool) -> None:
    system = {"health": {"status": "ok"}, "usage/rejected": EMPTY}
    api = MadeUp(system | {"billjobs": {"data": [JOB | {"status": status}]}, "billjobs/j 1/cancel": {}})
    async with before(api) as visit:
        section = (await visit.see("/operations")).one("section", id="jobs")
        assert "3 of 8 to go" in section.text and "Bill up to 31 Jan 2026" in section.text
        assert "no price" in section.text
        bar = section.one("progress").attributes
        assert (bar["max"], bar["value"]) == ("8", "5")
        forms = [form.attributes["action"] for form in section.every("form")]
        assert forms == ([f"{BASE}/operations/jobs/j%201/cancel"] if may_end else [])
        answer = await visit.http.post(f"{BASE}/operations/jobs/j%201/cancel", data={})
        assert answer.status_code == 403, "without the form's token nothing is done"
    api.scopes = frozenset({Scope.READ, Scope.USAGE})
    async with before(api) as visit:
        assert not (await visit.see("/operations")).one("section", id="jobs").every("form")


#: A page with the scope that writes there, and where its forms and links for that lead.
WRITES = {
    "/bills/b": (Scope.WRITE, ["/approve", "/recalculate", "/memo?kind=credit", "/memo?kind=debit"]),
    "/bills/b/approve": (Scope.WRITE, ["/bills/b/approve"]),
    "/exports": (Scope.WRITE, ["/exports", "/exports", "/exports"]),
    "/operations": (Scope.USAGE, ["/operations/replay", "/operations/replay"]),
    "/operations/refused/r": (Scope.USAGE, ["/operations/replay"]),
}
REFUSED = {
    **{"id": "r", "reason": "unknown-meter", "message": "no such meter", "accountCode": "acme", "uid": "u"},
    **{"arrivedAt": "2026-01-01T00:00:00Z", "rejectedAt": "2026-01-01T00:00:01Z", "payload": "{}"},
}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (CONFIG, "given one over HTTP, and refused over Kafka; without a meter it is refused"),
        (CONFIG | {"usageBeforeAccount": "HOLD", "usageBeforeMeter": "HOLD"}, "held; without a meter it is held"),
    ],
)
async def test_held_usage_says_what_it_waits_for_and_until_when(config: dict[str, object], said: str) -> None:
    waits = REFUSED | {"meterCode": "late", "heldUntil": "2026-01-31T00:00:00Z"}
    account = waits | {"reason": "unknown-account", "id": "r2", "accountCode": HOSTILE}
    counts = {"unknown-meter": 1_200, "unknown-account": 1}
    answers = {"usage/held": {"data": [waits, account], "counts": counts, "nextToken": "on"}}
    async with before(MadeUp(answers | {"organizationconfig": config, "usage/rejected/r": waits})) as visit:
        page = await visit.see("/operations/held", accountCode="acme")
        assert "".join(said.split()) in "".join(page.text.split())
        first, second = (row.text for row in page.every("table")[1].every("tr")[1:])
        assert "Meter late" in first and "31 Jan 2026" in first and f"Account {HOSTILE}" in second
        assert any("accountCode=acme" in href and "from=on" in href for href in links(page))
        record = await visit.see("/operations/refused/r")
        assert "it is held until" in record.text and not record.every("form", method="post")
    async with before(MadeUp({"usage/held": EMPTY, "organizationconfig": config})) as visit:
        assert "Nothing is held." in (await visit.see("/operations/held")).text
        assert "Nothing is held that fulfils this." in (await visit.see("/operations/held", meterCode="m")).text


EXPORT = {
    **{"id": "e", "status": "SUCCEEDED", "since": "0a-0", "until": "0a-12", "rows": 7, "exportFileFormat": "CSV"},
    **{"dateCreated": "2026-02-01T00:00:00Z", "createdBy": "me"},
    **{"sourceType": "OPERATIONAL", "operationalDataTypes": ["BILL_LINE_ITEMS"]},
}
JOURNAL = EXPORT | {"id": "j", "until": "0a-15@2026-02-28", "operationalDataTypes": ["JOURNAL"]}

RUNNING = EXPORT | {"status": "RUNNING"}


async def test_an_export_is_asked_for_from_where_the_last_one_ended_and_its_file_is_the_apis() -> None:
    link = "http://api.internal/organizations/o/dataexports/jobs/e/file?access_token=t"
    api = MadeUp({"dataexports/jobs": {"data": [EXPORT]}, "dataexports/jobs/e/getdownloadurl": {"url": link}})
    async with before(api) as visit:
        page = await visit.see("/exports")
        assert page.one("section", id="exports").numbers == [7]
        since = [field.attributes["value"] for field in page.every("input", name="since")]
        assert since == ["0a-12", ""], "the form for another file says nothing by itself"
        answer = await visit.http.get(f"{BASE}/exports/e/file")
        where = "/organizations/o/dataexports/jobs/e/file?access_token=t"
        assert (answer.status_code, answer.headers["location"]) == (303, where)
    async with before(MadeUp({"dataexports/jobs": EMPTY})) as visit:
        page = await visit.see("/exports")
        assert "Nothing was exported yet." in page.text and not page.every("input", name="since", type="hidden")


async def test_a_journal_and_usage_are_asked_for_by_a_form_which_says_what_is_refused() -> None:
    usage = {"id": "u", "sourceType": "USAGE", "startDate": "2026-01-01", "endDate": "2026-02-01"}
    jobs = {"data": [JOURNAL, {**EXPORT, **usage}, EXPORT]}
    del jobs["data"][1]["until"], jobs["data"][1]["operationalDataTypes"]
    refused = (400, "startDate: does not go with sourceType OPERATIONAL")
    api = MadeUp({"dataexports/jobs": jobs, "dataexports/adhoc": refused})
    async with before(api) as visit:
        page = await visit.see("/exports")
        rows = [row.text for row in page.one("section", id="exports").every("tr")[1:]]
        assert all(kind in row for kind, row in zip(("Journal", "Usage by day", "Bill lines"), rows, strict=True))
        assert "0a-15@2026-02-28" in page.one("section", **{"aria-label": "Another file"}).text
        [since] = page.every("input", name="since", type="hidden")
        assert since.attributes["value"] == "0a-12", "of lines, which a journal's watermark says nothing of"
        answer = await visit.send("/exports", kind="journal", startDate="2026-01-01", exportFileFormat="CSV")
        assert answer.status_code == 400
        told = parsed(answer.text).one("main")
        assert told.one("p", role="alert").text == refused[1]
        assert told.one("input", name="startDate").attributes["value"] == "2026-01-01"
        assert told.one("details").attributes.keys() >= {"open"}


async def test_a_file_that_is_no_longer_kept_has_no_button() -> None:
    gone = EXPORT | {"fileRemovedAt": "2026-03-03T00:00:00Z"}
    async with before(MadeUp({"dataexports/jobs": {"data": [gone]}})) as visit:
        row = (await visit.see("/exports")).one("section", id="exports").every("tr")[1]
        assert "removed on 3 Mar 2026" in row.text and not row.every("a")


@pytest.mark.parametrize("path", WRITES)
async def test_nobody_sees_a_button_that_his_key_is_not_good_for(path: str) -> None:
    scope, wanted = WRITES[path]
    answers = {
        **{"bills/b": bill(line(1)), "accounts/a": ACCOUNT, "organizationconfig": CONFIG, "billjobs": EMPTY},
        "usage/rejected": {"data": [REFUSED], "counts": {"unknown-meter": 1, "id-conflict": 2}},
        **{"usage/rejected/r": REFUSED, "health": {"status": "ok"}, "dataexports/jobs": {"data": [RUNNING]}},
    }
    every = frozenset(Scope)
    for scopes in (every, every - {scope}):
        async with before(MadeUp(answers, scopes=scopes)) as visit:
            page = await visit.see(path)
            leads = [form.attributes["action"] for form in page.every("form", method="post")] + links(page)
            found = [href for href in leads if any(part in href for part in {*wanted})]
            assert len(found) == (len(wanted) if scope in scopes else 0), found


async def test_two_points_are_an_id_like_any_other() -> None:
    """Clients take them as the way to the folder above: then another resource would be shown."""
    api = MadeUp({"integrationdestinations/webhooks/w": {"id": "w", "name": "Ledger"}})
    async with before(api) as visit:
        for path in ("/commitments/%2e%2e", "/bills/%2E", "/alerts/webhooks/w/deliveries/%2e%2e"):
            assert "no such thing" in (await visit.see(path, 404)).text
    wanted = {"commitments/..", "bills/.", "integrationdestinations/webhooks/w/deliveries/.."}
    assert wanted <= {path for _, path, _ in api.asked}


async def test_ids_and_texts_of_whatever_kind_stay_what_they_are() -> None:
    """An id with all that ends an attribute or a path; a description that is markup."""
    held = bill(line(1, description=HOSTILE, id=f"{ID}1"), id=ID, accountCode=HOSTILE)
    api = MadeUp({f"bills/{ID}": held, "accounts/a": ACCOUNT | {"name": HOSTILE}, "organizationconfig": CONFIG})
    async with before(api) as visit:
        page = await visit.see(path_of("bills", ID))
        [why] = page.one("section", id="lines").every("a")
        assert why.text == HOSTILE and why.attributes["href"] == f"{BASE}{path_of('bills', ID, 'lines', f'{ID}1')}"
        assert not page.every("b") and HOSTILE in page.one("section", **{"aria-label": "Bill"}).text
        for href in [*links(page), *(form.attributes["action"] for form in page.every("form"))]:
            assert href.startswith(f"{BASE}/") and not {*"\"'<>"} & {*href}, href
