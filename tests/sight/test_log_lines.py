"""What real processes write into their logs: JSON lines that say where and for whom, and no secret or person."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from events.topics import USAGE, partition_of
from services.kafka import BatchWriter
from services.run.up import SERVICES
from tests.api_client import TOKEN_SECRET, By, http_client
from tests.sight.conftest import PARTITIONS, Seen
from tests.system.story import Wire, set_up, settled
from tests.usage_events import usage_event, usage_record

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

#: Of a person, wherever a person may stand: an account's name and address, usage's `who`, a publisher's key.
PERSON = {"name": "Aurelia Quillfeather", "address": "aurelia.quillfeather@example.org", "who": "quillfeather-47"}
CORRELATION = "order-4711"
CODE = """
import logging, structlog
from services.run.logs import configure_logs
configure_logs("INFO")
structlog.get_logger().info("ours", organization="acme", partition=3, offset=17)
logging.getLogger("some.library").warning("cannot connect to %s", "a broker")
try:
    raise ValueError("wrong")
except ValueError:
    structlog.get_logger().exception("failed")
    logging.getLogger("some.library").exception("failed, too")
"""


def lines_of(seen: Seen, process: str) -> list[dict[str, Any]]:
    """Everything that a process has written so far; each line is a JSON object."""
    text = (seen.settings.home / f"{process}.log").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_each_line_is_one_json_object_also_of_a_library_and_with_a_traceback() -> None:
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=os.environ)
    ours, library, failed, failed_too = (json.loads(line) for line in ran.stderr.splitlines())
    assert (ours["event"], ours["organization"], ours["partition"], ours["offset"]) == ("ours", "acme", 3, 17)
    assert (library["event"], library["logger"], library["level"]) == (
        "cannot connect to a broker",
        "some.library",
        "warning",
    )
    assert failed["exception"].endswith("ValueError: wrong") and failed_too["exception"].endswith("ValueError: wrong")
    assert all({"event", "level", "timestamp"} <= line.keys() for line in (ours, library, failed, failed_too))


async def refuse_some(seen: Seen, organization: str) -> None:
    """Usage that is refused, with a person in it."""
    who = {"user": PERSON["who"]}
    event = usage_event(organization, "account-0", who["user"], "yesterday", measure={"calls": 1}, who=who)
    here = partition_of(organization, "account-0", PARTITIONS)
    async with BatchWriter(seen.system.endpoints.kafka) as writer:
        [(base, _, _)] = await writer.append(USAGE, here, [usage_record(event)] * 3)
    await settled(seen.system.endpoints)
    [line] = [one for one in lines_of(seen, "ingest") if one.get("organization") == organization]
    assert (line["event"], line["reason"], line["count"]) == ("usage_rejected", "bad-time", 3)
    assert (line["partition"], line["offset"], line["to_offset"]) == (here, base, base + 2)


async def test_a_line_says_for_whom_and_where_and_none_has_a_secret_or_a_person(seen: Seen) -> None:
    wire = Wire(lambda: seen.system.addresses.api_url, "logged")
    await set_up(wire)
    person = {"code": "person", "name": PERSON["name"], "emailAddress": PERSON["address"]}
    await wire.create("accounts", **person)
    await wire.refused(409, "POST", "accounts", person)
    await refuse_some(seen, "logged")
    by = By(PERSON["who"], "logged")
    async with http_client(seen.system.addresses.api_url, by=by) as client:
        headers = {"x-correlation-id": CORRELATION}
        assert (await client.post("/oauth/token", auth=("wrong", PERSON["who"]))).status_code in (400, 401)
        path = "/organizations/logged/accounts"
        assert (await client.get(path, params={PERSON["who"]: "1"}, headers=headers)).status_code == 400
        token = client.auth
    assert token is not None
    written = {process: (seen.settings.home / f"{process}.log").read_text() for process in SERVICES}
    assert seen.system.keys is not None
    secrets = (TOKEN_SECRET, seen.system.keys.key.api_secret, "Bearer ", "eyJ")
    for process, text in written.items():
        assert len(lines_of(seen, process)) >= 2, process
        for lost in (*PERSON.values(), *secrets):
            assert lost not in text, f"{process} tells {lost}"
