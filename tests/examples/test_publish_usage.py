"""Usage over Kafka and over HTTP: whatever is sent again, and whatever answer was lost, counts once."""

import json
from pathlib import Path

import pytest

from services.run.stack.probe import free_ports
from tests.examples.conftest import ROOT, Reader
from tests.examples.way import Way

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
JANUARY, FEBRUARY = "2026-01-01", "2026-02-01"


async def test_over_kafka_what_is_published_twice_counts_once(customer: Reader) -> None:
    before = await customer.calls()
    for _ in range(2):
        said = await customer.example("publish_usage.py", "examples/usage.jsonl")
        assert said == "3 records are durable in topic usage\n"
    assert await customer.calls() - before == {FEBRUARY: 40}


async def test_a_publisher_that_finds_no_kafka_tries_again(customer: Reader, tmp_path: Path) -> None:
    before, path = await customer.calls(), tmp_path / "more.jsonl"
    used = {"id": "late", "account": "acme", "time": "2026-02-01T00:00:00+00:00", "meter": "api"}
    path.write_text(json.dumps(used | {"measure": {"calls": 2.5}}) + "\n")
    host, port = customer.system.endpoints.kafka.bootstrap.split(":")
    way = Way(host, int(port))
    [closed] = free_ports(1)
    command = ("python", "examples/publish_usage.py", str(path))
    async with customer.starts(*command, TRUEUP_KAFKA_BOOTSTRAP=f"127.0.0.1:{closed}") as publishing:
        assert publishing.stdout is not None
        while b"everything is sent again in" not in (line := await publishing.stdout.readline()):
            assert line, "it gave up"
        async with way.open(closed):
            said = (await publishing.communicate())[0].decode()
    assert publishing.returncode == 0 and said.endswith("1 records are durable in topic usage\n")
    assert await customer.calls() - before == {FEBRUARY: 2.5}


async def test_over_http_what_is_posted_twice_counts_once(customer: Reader) -> None:
    before = await customer.calls()
    for _ in range(2):
        said = await customer.example("publish_usage.sh", "examples/measurements.json")
        assert json.loads(said) == {"result": "accepted"}
    assert await customer.calls() - before == {JANUARY: 100}


async def test_whose_answer_was_lost_posts_again(customer: Reader, tmp_path: Path) -> None:
    before, path = await customer.calls(), tmp_path / "others.json"
    path.write_text((ROOT / "examples/measurements.json").read_text().replace('"h-', '"other-'))
    way = Way("127.0.0.1", int(customer.system.addresses.api_url.rsplit(":", 1)[1]), loses=b"POST /organizations/")
    async with way.open() as passed:
        said = await customer.example("publish_usage.sh", str(path), M3TER_BASE_URL=f"http://127.0.0.1:{passed}")
    assert way.lost == 1 and "Empty reply" in said and said.endswith('{"result":"accepted"}\n')
    assert await customer.calls() - before == {JANUARY: 100}


async def test_a_refusal_is_told_and_is_a_failure(customer: Reader, tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps({"measurements": [{"uid": "u", "meter": "api", "ts": "2026-01-01T00:00:00Z"}]}))
    said = await customer.example("publish_usage.sh", str(path), status=1)
    assert "it was refused." in said and "measurements[0]: account: is required" in said
    said = await customer.example("publish_usage.sh", str(tmp_path / "none.json"), status=1)
    assert "cannot read" in said


async def test_without_a_good_key_there_is_no_token(customer: Reader) -> None:
    said = await customer.example("publish_usage.sh", "examples/measurements.json", status=1, M3TER_API_KEY=":")
    assert "there is no token to be had from" in said and "401" in said
    said = await customer.example("publish_usage.sh", "examples/measurements.json", status=2, M3TER_API_KEY="")
    assert "which access key?" in said
