"""On the real stack: personal data is sealed where it is kept, shown to who may read it, and forgotten; money stays."""

import asyncio

import pytest
import pytest_asyncio

from events.topics import EVENTS
from services.access.scopes import Scope
from services.audit.audit import audit
from services.kafka import LogReader
from services.personal.sealed import MARK, TOMBSTONE
from services.projection.replay import replay
from services.proof.documents import Inclusion
from services.proof.exporting import export_bill
from services.proof.verifying import verify
from tests.api_client import CONFIG, By, http_client, probe
from tests.insight.conftest import Played
from tests.insight.corrected import FEBRUARY, JANUARY, corrected_organization, event, named
from tests.insight.erasable import ACCOUNT, ADDRESS, FORGOTTEN, PLAIN, acme, kept, user
from tests.insight.story import bill
from tests.insight.test_stack_corrections import by_function, issued
from tests.insight.test_stack_proof import SIGNER, a_quarter_hour_ends, until_signed
from tests.system.story import Wire

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wire(played: Played) -> Wire:
    """An organization that keeps keys, beside the story's."""
    erasable = {"personalData": "ERASABLE", "personalCustomFields": ["contact"]}
    return await corrected_organization(lambda: played.system.addresses.api_url, "erasable", ACCOUNT, **erasable)


async def test_it_is_sealed_wherever_it_is_kept_and_shown_where_it_is_asked_for(wire: Wire, played: Played) -> None:
    id = await acme(wire)
    account = await wire.do("GET", f"accounts/{id}")
    assert {name: account[name] for name in ACCOUNT} == ACCOUNT
    [listed] = (await wire.do("GET", "accounts"))["data"]
    assert listed == account
    told = await wire.do("GET", "events", eventName="configuration.account.created")
    assert told["data"][0]["m3terEvent"]["eventData"]["newDto"]["name"] == ACCOUNT["name"]
    first = await issued(wire, JANUARY)
    assert by_function(wire, first) == {"SUM": 17, "MAX": 90, "UNIQUE": 200}
    assert [await user(wire, id) for id in "abc"] == ["x", "y", "x"]
    for format in ("json", "html", "csv", "pdf"):
        assert (await wire.ask("GET", f"bills/{first['id']}/statement", format=format)).status_code == 200
    buyer = (await wire.do("GET", f"bills/{first['id']}/statement"))["buyer"]
    assert (buyer["name"], buyer["emailAddress"]) == (ACCOUNT["name"], ACCOUNT["emailAddress"])

    text = await kept(played)
    assert "acme" in text and MARK in text
    assert [word for word in PLAIN if word in text] == []
    ours = [line.replace(" ", "") for line in text.splitlines() if wire.organization in line]
    assert ours and not [line for line in ours if '"user":"x"' in line]


async def test_an_update_that_says_the_same_says_the_same_sealed(wire: Wire, played: Played) -> None:
    id = await acme(wire)
    before = await wire.do("GET", f"accounts/{id}")
    after = await wire.do("PUT", f"accounts/{id}", before)
    assert {name: after[name] for name in ACCOUNT} == ACCOUNT
    async with played.postgres.connection() as connection:
        rows = await connection.fetch(
            "SELECT data->'body'->>'name' AS name FROM store.events WHERE organization = $1 AND stream = $2",
            wire.organization,
            f"account-{id}",
        )
    assert len({row["name"] for row in rows}) == 1 < len(rows)


async def test_usage_is_corrected_by_what_it_said(wire: Wire) -> None:
    amended = await wire.do("POST", "usage/amend", named("c", measure={"calls": 3}, who={"user": "y"}))
    assert (amended["was"]["who"], amended["now"]["who"]) == ({"user": "x"}, {"user": "y"})
    again = await wire.do("POST", "usage/amend", named("c", measure={"calls": 3}, who={"user": "y"}))
    assert again == amended
    back = await wire.do("POST", "usage/amend", named("c", measure={"calls": 3}, who={"user": "x"}))
    assert back["now"] == amended["was"]


async def test_what_is_forgotten_is_a_tombstone_everywhere_and_money_stays(wire: Wire, played: Played) -> None:
    id = await acme(wire)
    first = await issued(wire, JANUARY)
    by_writer = By("writer", wire.organization, frozenset({Scope.WRITE, Scope.READ}))
    async with http_client(f"{played.system.addresses.api_url}/organizations/erasable", by=by_writer) as client:
        assert (await client.post(f"/accounts/{id}/forget")).status_code == 403

    forgotten = await wire.do("POST", f"accounts/{id}/forget", {"reason": "asked for"})
    assert {name: forgotten[name] for name in FORGOTTEN} == FORGOTTEN
    assert forgotten["code"] == "acme" and forgotten["forgottenAt"]
    assert (await wire.do("GET", f"accounts/{id}")) == forgotten
    told = await wire.do("GET", "events", eventName="configuration.account.created")
    assert told["data"][0]["m3terEvent"]["eventData"]["newDto"]["name"] == TOMBSTONE
    buyer = (await wire.do("GET", f"bills/{first['id']}/statement"))["buyer"]
    assert (buyer["name"], buyer["emailAddress"]) == (TOMBSTONE, TOMBSTONE)
    assert [await user(wire, id) for id in "abc"] == [TOMBSTONE] * 3
    assert await issued(wire, JANUARY) == first

    # Late usage of January: what was counted stays counted, once; whoever comes later is somebody new.
    late = [event("d", 1, "x"), event("e", 2, "x")]
    await wire.do("POST", "measurements", {"measurements": late})
    await bill(wire, FEBRUARY)
    second = await issued(wire, FEBRUARY)
    assert by_function(wire, second) == {"SUM": 3, "UNIQUE": 100}
    assert [await user(wire, id) for id in "ade"] == [TOMBSTONE, "x", "x"]
    assert [word for word in PLAIN if word in await kept(played)] == []
    await a_quarter_hour_ends(played)
    await until_signed(played)
    for document in (first, second):
        export = await export_bill(played.postgres, played.cluster, wire.organization, document["id"])
        assert verify(export, SIGNER.key).wrong == []
    assert (await wire.exact("conservation"))["unexplained"] == 0
    await replay(played.postgres, played.cluster)
    report = await audit(played.postgres, played.cluster)
    assert report.passed, report.difference
    assert (await issued(wire, JANUARY), await issued(wire, FEBRUARY)) == (first, second)


async def test_a_tombstone_that_is_sent_back_changes_nobody(wire: Wire, played: Played) -> None:
    """What an answer shows is sent back with another number: who it was stays counted, once."""
    shown = (await wire.do("POST", "usage/void", named("b", dryRun=True)))["was"]
    assert shown == {"measure": {"calls": 9}, "who": {"user": TOMBSTONE}}
    amended = await wire.do("POST", "usage/amend", named("b", measure={"calls": 10}, who=shown["who"]))
    assert amended["now"] == {"measure": {"calls": 10}, "who": {"user": TOMBSTONE}}
    assert by_function(wire, await wire.exact(f"accounts/{await acme(wire)}/unbilled")) == {"SUM": 1, "MAX": 10}
    await wire.do("POST", "usage/amend", named("b", **shown))
    assert (await wire.exact(f"accounts/{await acme(wire)}/unbilled"))["lineItems"] == []


async def test_what_was_signed_is_told_as_it_was(wire: Wire, played: Played) -> None:
    """Sealed, before and after: whoever verifies it needs no key."""
    async with LogReader(played.cluster) as reader:
        ends = await reader.end_offsets(EVENTS, range(2))
        for partition, end in ends.items():
            async for records in reader.read(EVENTS, partition, 0, end):
                for record in records:
                    if b'"erasable"' in (record.value or b"") and MARK.encode() in (record.value or b""):
                        where = {"topic": EVENTS, "partition": partition, "offset": record.offset}
                        told = await wire.do("GET", "audit/inclusion", **where)
                        assert MARK in told["value"]
                        assert verify(Inclusion.model_validate(told), SIGNER.key).wrong == []
                        return
    raise AssertionError("nothing sealed is in the log")


async def test_what_comes_later_is_forgotten_in_its_turn(wire: Wire) -> None:
    id = await acme(wire)
    account = await wire.do("GET", f"accounts/{id}")
    changed = await wire.do("PUT", f"accounts/{id}", account | {"name": "Carla New"})
    assert changed["name"] == "Carla New" and changed["emailAddress"] == TOMBSTONE
    assert (await wire.do("POST", f"accounts/{id}/forget"))["name"] == TOMBSTONE
    assert (await wire.do("POST", f"accounts/{id}/forget"))["name"] == TOMBSTONE


async def test_who_tries_a_correction_makes_no_key_for_who_was_forgotten(wire: Wire, played: Played) -> None:
    tried = named("b", measure={"calls": 9}, who={"user": "somebody new"})
    assert (await wire.do("POST", "usage/amend", tried | {"dryRun": True}))["now"]["who"]
    async with played.postgres.connection() as connection:
        query = "SELECT count(key) FROM store.personal_keys WHERE account = $1"
        assert await connection.fetchval(query, await acme(wire)) == 0


async def test_an_answer_that_is_asked_for_again_is_a_tombstone_too(wire: Wire) -> None:
    body = {"code": "second", "name": "Dora", "emailAddress": "dora@quiet.example"}
    made = (await wire.ask("POST", "accounts", body, key="dora")).json()
    assert made["name"] == "Dora"
    await wire.do("POST", f"accounts/{made['id']}/forget")
    again = await wire.ask("POST", "accounts", body, key="dora")
    assert again.json() == made | {"name": TOMBSTONE, "emailAddress": TOMBSTONE}


async def test_what_is_deleted_is_forgotten_with_it(wire: Wire, played: Played) -> None:
    made = await wire.do("POST", "accounts", {"code": "third", "name": "Edda", "emailAddress": "edda@quiet.example"})
    by_writer = By("writer", wire.organization, frozenset({Scope.WRITE, Scope.READ}))
    async with http_client(f"{played.system.addresses.api_url}/organizations/erasable", by=by_writer) as client:
        assert (await client.delete(f"/accounts/{made['id']}")).status_code == 403
    await wire.do("DELETE", f"accounts/{made['id']}")
    async with played.postgres.connection() as connection:
        query = "SELECT count(*) FILTER (WHERE key IS NULL) = count(*) FROM store.personal_keys WHERE account = $1"
        assert await connection.fetchval(query, made["id"])
    told = await wire.do("GET", "events", eventName="configuration.account.deleted")
    assert told["data"][0]["m3terEvent"]["eventData"]["oldDto"]["name"] == TOMBSTONE


async def test_what_is_sealed_is_not_searched(wire: Wire) -> None:
    for query in ({"searchQuery": "name~Ann"}, {"searchQuery": "code:acme$emailAddress:x"}, {"sortBy": "name"}):
        answer = await wire.ask("GET", "accounts/search", **query)
        assert answer.status_code == 400 and "is sealed" in answer.json()["message"]
    assert len((await wire.do("GET", "accounts/search", searchQuery="code:acme"))["data"]) == 1
    assert (await wire.do("GET", "find", query="e"))["data"] == []
    assert [one["code"] for one in (await wire.do("GET", "find", query="acm"))["data"]] == ["acme"]


async def test_it_is_decided_with_the_organization(wire: Wire, played: Played) -> None:
    assert await wire.refused(400, "PUT", "organizationconfig", CONFIG | {"version": 1}) == (
        "personalData: is set at creation and never changes"
    )
    assert "needs personalData ERASABLE" in await played.wire.refused(
        400, "PUT", "organizationconfig", CONFIG | {"version": 1, "personalCustomFields": ["contact"]}
    )
    [other] = [id for id, name in played.wire.names.items() if name == "account-0"]
    assert "keeps personal data as all else" in await played.wire.refused(409, "POST", f"accounts/{other}/forget")
    await wire.refused(404, "POST", "accounts/nobody/forget")


async def test_nobody_stands_on_a_bill(wire: Wire) -> None:
    [meter] = (await wire.do("GET", "meters"))["data"]
    body = {"code": "seg", "name": "Seg", "meterId": meter["id"], "targetField": "calls", "aggregation": "SUM"}
    body |= {"rounding": "NONE", "quantityPerUnit": 1, "unit": "1", "segmentedFields": ["user"], "segments": []}
    assert "no field of category WHO" in await wire.refused(400, "POST", "aggregations", body)


@pytest.mark.parametrize("name", [f"{MARK}x", f"{MARK}AAAAAAAAAAA.{'A' * 30}"])
async def test_nobody_hands_in_what_looks_sealed(wire: Wire, name: str) -> None:
    body = {"code": "fourth", "name": name, "emailAddress": "x"}
    assert await wire.refused(400, "POST", "accounts", body) == f"name: must not begin with {MARK}"


async def test_no_process_tells_its_log_or_its_metrics_whom_it_has_kept_or_refused(wire: Wire, played: Played) -> None:
    refused = {"code": "fifth", "name": "Eve Acmeson", "emailAddress": "ann@quiet.example"}
    await wire.refused(400, "POST", "accounts", refused | {"address": ADDRESS | {"floor": "Bert"}})
    await wire.refused(400, "POST", "accounts", refused | {"timezone": "Yorkminster/Quiet Lane"})
    wrong = event("w", 1, "Bert") | {"where": {"user": "Acmeson"}}
    await wire.do("POST", "measurements", {"measurements": [wrong]})
    async with asyncio.timeout(60):
        while not (rejected := (await wire.do("GET", "usage/rejected"))["data"]):
            await asyncio.sleep(0.1)
    assert rejected[0]["reason"] == "wrong-type" and "Acmeson" not in str(rejected)
    logs = {file.name: file.read_text() for file in played.system.settings.home.glob("*.log")}
    assert {"api.log", "ingest.log", "projector.log", "relay.log"} <= logs.keys()
    for name, url in played.system.addresses.sight.items():
        logs[f"metrics of {name}"] = (await probe(f"{url}/metrics")).text
    assert "erasable" in "".join(logs.values())
    assert [(name, word) for name, text in logs.items() for word in (*PLAIN, "Carla", "Dora") if word in text] == []
