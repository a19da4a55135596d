"""The first minute with `trueup up`: a key that works is printed and kept, and without one nobody is served afar."""

import asyncio
import json
import os
import re
import stat
import sys
from pathlib import Path

import pytest

from tests.system.up import PARTITIONS, PATIENCE_S, Up, running_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
STORY = Path(__file__).parent.parent / "scenarios" / "a-balance-before-a-commitment.yaml"
#: As on a machine of its own: the database's secret signs, and no key is given.
OWN = {"TRUEUP_TOKEN_SECRET": "", "TRUEUP_API_KEY": "", "TRUEUP_API_SECRET": ""}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one after the other starts."""
    return tmp_path_factory.mktemp("first") / "home"


async def said(home: Path, *command: str, **more: str) -> tuple[int, str]:
    """What a command says, and its status."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | OWN | {"TRUEUP_HOME": str(home), "TRUEUP_PARTITIONS": str(PARTITIONS)} | more,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PATIENCE_S):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def told(up: Up, words: str) -> str:
    """What it has printed, once these words are among it."""
    async with asyncio.timeout(30):
        while words not in up.told.read_text():
            await asyncio.sleep(0.05)
    return up.told.read_text()


def trueup(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "services.run.cli", *arguments)


async def test_where_others_reach_it_nothing_starts_without_a_key(home: Path) -> None:
    status, output = await said(home, *trueup("up", "--port", "0"), TRUEUP_API_HOST="0.0.0.0")
    assert status == 1
    last = output.strip().splitlines()[-1]
    assert last.startswith("trueup: the API would listen on 0.0.0.0, where others reach it, and there is no access key")
    assert "trueup keys create --organization" in last and "Traceback" not in output


async def test_the_first_start_prints_a_key_that_works_and_keeps_it(home: Path) -> None:
    async with running_up(home, **OWN) as up:
        printed = await told(up, "organizationconfig")
        file = home / "keys.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        key = json.loads(file.read_text())["key"]
        for part in (key["organizationId"], key["accessKeyId"], key["apiSecret"], str(file)):
            assert part in printed
        assert json.loads(file.read_text())["operator"]["apiSecret"] not in printed
        lines = re.findall(r"^(?:TOKEN|curl).*$", printed, re.MULTILINE)
        status, output = await said(home, "sh", "-c", "\n".join(lines).replace("curl -X", "curl -s -X"))
        made = json.loads(output)
        assert (status, made["createdBy"], made["version"]) == (0, f"USER_{key['accessKeyId']}", 1)

        # Tools of this machine find the operator's key by themselves.
        status, output = await said(home, *trueup("simulate", "--live", up.addresses["api_url"], str(STORY)))
        assert status == 0, output
        status, output = await said(home, *trueup("keys", "list", "--json"))
        assert {key["organizationId"] for key in json.loads(output)} == {"local", "*"}
        made_now = await said(home, *trueup("keys", "create", "--organization", "acme", "--json"))
        assert json.loads(made_now[1])["organizationId"] == "acme"


async def test_later_starts_say_where_the_key_is(home: Path) -> None:
    before = (home / "keys.json").read_text()
    async with running_up(home, **OWN) as up:
        printed = await told(up, "keys      ")
        assert f"keys      {home / 'keys.json'}\n" in printed
        assert json.loads(before)["key"]["apiSecret"] not in printed
    assert (home / "keys.json").read_text() == before
