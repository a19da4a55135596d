"""Billing stories give the same bills through HTTP and Kafka as in memory: every line, of every step."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from services.access.local import credentials
from services.kafka import Cluster
from services.run.settings import load_settings
from services.simulate.cli import simulate
from services.simulate.live_player import LiveSystem
from services.simulate.live_wire import ApiFailedError
from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import Played, play
from services.simulate.player import Player
from services.simulate.report import story_json
from services.simulate.story import parse_story, read_story
from services.simulate.yaml_lines import load_yaml
from tests.simulate.covering import covering
from tests.simulate.living import Live

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

STORIES = sorted((Path(__file__).parent.parent / "scenarios").rglob("*.yaml"))
#: Stories at once: while one waits for its usage to be projected, the others keep both cores busy; and what many wait
#: for is relayed, rated and projected in one batch.
SIDE_BY_SIDE = 24

CURRENCIES = """
scenario: an account has a bill per currency, in zones far from UTC
organization: {timezone: America/New_York}
meters: [{code: calls, dataFields: [{code: n, category: MEASURE}]}]
aggregations: [{code: units, meter: calls, targetField: n}]
plans:
  - {code: usd, product: api, pricings: [{code: one, aggregation: units, pricingBands: [{unitPrice: 0.5}]}]}
  - code: eur
    product: web
    currency: EUR
    pricings: [{code: two, aggregation: units, pricingBands: [{unitPrice: 2}]}]
accounts:
  - {code: acme, plans: [{plan: usd, startDate: 2026-01-01}, {plan: eur, startDate: 2026-01-01}]}
  - {code: asia, timezone: Asia/Tokyo, plans: [{plan: usd, startDate: 2026-01-01}]}
steps:
  - usage: {account: acme, meter: calls, ts: 2026-02-01T04:59:59Z, uid: u, measure: {n: 12.3456789012}}
  - usage: {account: asia, meter: calls, ts: 2026-01-31T15:00:00Z, uid: u, measure: {n: 3}}
  - usage: {account: asia, meter: calls, ts: 2026-01-31T14:59:59.999999Z, measure: {n: 5}}
  - usage: {account: asia, meter: calls, ts: 2026-01-20T00:00:00Z, uid: u, measure: {n: 9}}
    expectError: was used with other content
  - usage: {account: acme, meter: calls, ts: 2026-01-01T04:59:59Z, uid: unpriced, measure: {n: 4.5}}
  - preview: {account: acme, date: 2026-02-01}
    expect: [{account: acme, currency: EUR, total: 24.69}, {account: acme, currency: USD, total: 6.17}]
  - unbilled: {account: acme, date: 2026-01-15}
    expect: [{account: acme, currency: EUR, total: 24.69}, {account: acme, currency: USD, total: 6.17}]
  - bill: {date: 2026-02-01}
    expect:
      - {account: acme, currency: EUR, total: 24.69}
      - {account: acme, currency: USD, total: 6.17}
      - {account: asia, total: 2.50, lines: [{type: USAGE, period: [2026-01-01, 2026-02-01]}]}
"""

REFUSED = """
scenario: usage that is refused, twice the same and late
meters: [{code: calls, dataFields: [{code: n, category: MEASURE}, {code: tag, category: WHO}]}]
aggregations: [{code: units, meter: calls, targetField: n}]
plans: [{code: basic, product: api, pricings: [{code: price, aggregation: units, pricingBands: [{unitPrice: 1}]}]}]
accounts:
  - {code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}
  - {code: child, parentAccount: acme}
steps:
  - usage: {account: acme, meter: calls, ts: 2026-01-10T00:00:00Z, measure: {wrong: 1}}
    expectError: wrong
  - usage: {account: acme, meter: calls, ts: 2026-01-10T00:00:00Z, uid: u, measure: {n: 0.30}, who: {tag: 5}}
  - usage: {account: acme, meter: calls, ts: 2026-01-10T00:00:00Z, uid: u, measure: {n: 0.30}, who: {tag: 5}}
  - usage:
      account: child
      meter: calls
      ts: 2026-01-01T00:00:00Z
      repeat: {every: 12h, until: 2026-01-31T00:00:00Z}
      measure: {n: 1}
  - update: {account: child, set: {name: Child}}
  - unbilled: {account: acme, date: 2026-01-15}
    expect: [{account: acme, total: 60.30}]
  - preview: {account: acme, date: 2026-02-01}
    expect: [{account: acme, total: 60.30}]
  - bill: {date: 2026-02-01, account: acme}
    expect: [{account: acme, total: 60.30}]
  - bill: {date: 2026-02-01}
    expect: []
  - preview: {account: acme, date: 2026-03-01}
    expect: []
  - usage: {account: child, meter: calls, ts: 2026-01-03T05:00:00Z, measure: {n: -0.30}}
  - bill: {date: 2026-01-01}
    expect: [{account: acme, total: -0.30}]
  - delete: {account: nobody}
    expectError: account
"""


def results(path: Path, player: Player) -> list[Any]:
    story = read_story(path.read_bytes())
    return list(json.loads(story_json(path, story.title, play(story, player)))["steps"])


def difference(path: Path, player: Player) -> str | None:
    """The first step of a story that is not live what it is in memory."""
    for remembered, lived in zip(results(path, MemoryPlayer()), results(path, player), strict=True):
        if remembered != lived:
            return f"{path.stem}:\n  in memory {json.dumps(remembered)}\n  live      {json.dumps(lived)}"
    return None


async def assert_alike(live: Live, stories: Iterable[Path]) -> None:
    def play_all() -> list[str]:
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            by_story = pool.map(lambda path: difference(path, live.players.player()), stories)
            return [text for text in by_story if text is not None]

    differences = await live.played(play_all)
    assert not differences, "\n".join(differences)


async def test_stories_of_every_kind_are_live_what_they_are_in_memory(live: Live) -> None:
    await assert_alike(live, covering(STORIES))


@pytest.mark.long
async def test_all_other_stories_are_live_what_they_are_in_memory(live: Live) -> None:
    await assert_alike(live, sorted({*STORIES} - {*covering(STORIES)}))


async def both(live: Live, text: str, compared: slice) -> list[Played]:
    """The story holds live, and these steps gave what they give in memory."""
    story = parse_story(load_yaml(text))
    results = await live.played(lambda: play(story, live.players.player()))
    for result in results:
        assert not result.differences, f"step {result.step.index}: {result.differences}"
    for lived, remembered in list(zip(results, play(story, MemoryPlayer()), strict=True))[compared]:
        assert (lived.result, lived.unpriced) == (remembered.result, remembered.unpriced)
    return results


async def test_refusals_repeats_children_and_views(live: Live) -> None:
    await both(live, REFUSED, slice(None))


async def test_currencies_zones_and_a_uid_used_again(live: Live) -> None:
    results = await both(live, CURRENCIES, slice(None))
    assert [str(usage.quantity) for result in results for usage in result.unpriced] == ["4.5", "4.5"], (
        "preview and unbilled"
    )


async def test_the_projected_row_says_what_a_settlement_as_of_the_clock_says(live: Live) -> None:
    """The player asks as of a day; a plain GET has the projector's row of the same day."""
    [path] = [path for path in STORIES if path.stem == "minimum-true-up-late-usage"]

    def rows() -> tuple[Any, Any]:
        player = live.players.player()
        play(read_story(path.read_bytes()), player)
        [commitment] = player.organization.call("GET", "commitments")["data"]
        clock = player.organization.call("GET", "clock")["now"][:10]
        return commitment, player.organization.call("GET", f"commitments/{commitment['id']}", asOf=clock)

    plain, as_of = await live.played(rows)
    assert plain == as_of


def run(live: Live, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        simulate,
        ["--live", live.system.addresses.api_url, "--kafka", live.system.addresses.kafka_bootstrap, *arguments],
        env={"TRUEUP_HOME": str(live.system.settings.home)},
    )
    return result.exit_code, result.output


async def test_exit_statuses(live: Live, tmp_path: Path) -> None:
    right, differs, wrong = (tmp_path / f"{name}.yaml" for name in ("right", "differs", "wrong"))
    right.write_text(REFUSED)
    differs.write_text(REFUSED.replace("total: -0.30", "total: -0.31"))
    wrong.write_text(REFUSED.replace("targetField: n", "targetField: m"))
    for path, status, said in (
        (right, 0, "holds"),
        (differs, 1, "total is -0.30, expected -0.31"),
        (wrong, 2, "aggregation units"),
        (tmp_path / "absent.yaml", 2, "absent.yaml"),
    ):
        ended, output = await asyncio.to_thread(run, live, str(path))
        assert (ended, said in " ".join(output.split())) == (status, True), output
    ended, output = await asyncio.to_thread(run, live, "--json", str(right), str(wrong))
    assert ended == 2
    assert [json.loads(line)["ok"] for line in output.splitlines()] == [True, False]


async def test_a_wrong_address_is_named(live: Live, tmp_path: Path) -> None:
    path, kafka = tmp_path / "story.yaml", live.system.addresses.kafka_bootstrap
    home = live.system.settings.home
    key = credentials(load_settings(home=home))
    path.write_text(REFUSED)
    story = read_story(path.read_bytes())

    def at(url: str) -> None:
        with LiveSystem(url, Cluster(kafka), key) as players:
            play(story, players.player())

    with pytest.raises(ApiFailedError, match=r"PUT http://127\.0\.0\.1:1/organizations/.* got no answer"):
        await asyncio.to_thread(at, "http://127.0.0.1:1")
    with pytest.raises(ApiFailedError, match="is this its address"):
        await asyncio.to_thread(at, f"{live.system.addresses.api_url}/elsewhere")
    with pytest.raises(ApiFailedError, match="is no URL"):
        LiveSystem("http://host:port", Cluster(kafka), key)
    command = [sys.executable, "-m", "services.run.cli", "simulate", "--live", live.system.addresses.api_url, str(path)]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, "--kafka", "127.0.0.1:1"],
        env=os.environ | {"TRUEUP_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("trueup: Kafka at 127.0.0.1:1 did not answer")
    assert "Traceback" not in done.stderr
