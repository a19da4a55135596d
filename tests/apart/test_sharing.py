"""Replay and audit on several machines: the same tables and the same report, whichever machine is lost on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.apart.sharing import MachineLostError
from services.apart.work import FoldFailedError
from services.audit.audit import audit
from services.projection.replay import replay
from services.run.process import environment_of
from services.run.settings import load_settings
from tests.apart.looking import PATIENCE_S, TAKERS, becomes, nothing_is_left
from tests.forked import ForkedChild, started
from tests.projector.conftest import PARTITIONS, Installation
from tests.projector.driving import everything
from tests.system.pausing import standing_still
from tests.system.sharing import environment_at


@asynccontextmanager
async def machine(installation: Installation, folder: Path) -> AsyncIterator[ForkedChild]:
    """Another machine, which assists with two processes."""
    told = environment_of(load_settings(home=folder, partitions=PARTITIONS), installation.endpoints)
    environment = told | environment_at(installation.endpoints) | {"TRUEUP_SIGHT_PORT": "0"}
    child = await started("assist", "--processes", "2", environment=environment, log=folder / "assist.log")
    try:
        yield child
    finally:
        await child.kill()


@pytest.mark.stack
async def test_another_machine_folds_what_this_one_leads(installation: Installation, tmp_path: Path) -> None:
    before, told = await everything(installation), list[int]()
    alone = await audit(installation.postgres, installation.cluster)
    async with machine(installation, tmp_path) as other:
        async with asyncio.timeout(PATIENCE_S):
            shared = await audit(
                installation.postgres, installation.cluster, processes=0, shared=True, progress=told.append
            )
        assert shared == alone and shared.passed and sum(told) == sum(shared.positions.values())
        async with asyncio.timeout(PATIENCE_S):
            done = await replay(installation.postgres, installation.cluster, processes=0, shared=True)
        assert await everything(installation) == before and done.records == sum(told)
        assert await nothing_is_left(installation)
        assert await other.stop() == 0
    assert (tmp_path / "assist.log").read_text().count('"assisted"') == 2


@pytest.mark.stack
@pytest.mark.parametrize("how", ["lost", "paused", "stopped"])
async def test_others_go_on_with_a_replay_where_a_machine_has_stopped(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("services.apart.stint.SILENT_LOOKS", 4)
    before, folders = await everything(installation), (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        folder.mkdir()
    async with machine(installation, folders[0]) as first:
        work = asyncio.create_task(replay(installation.postgres, installation.cluster, processes=0, shared=True))
        taken_by = await becomes(installation, TAKERS)
        if how == "paused":
            async with machine(installation, folders[1]):
                with standing_still([first.pid]):
                    await becomes(installation, TAKERS, lambda now: now is not None and now != taken_by)
                await asyncio.wait_for(work, PATIENCE_S)
        else:
            await (first.kill() if how == "lost" else first.stop())
        async with machine(installation, folders[1]):
            await asyncio.wait_for(work, PATIENCE_S)
    assert await everything(installation) == before and await nothing_is_left(installation)
    assert (await audit(installation.postgres, installation.cluster)).passed


@pytest.mark.stack
@pytest.mark.parametrize(("how", "words"), [("lost", "no sign of life"), ("stopped", "was told to stop")])
async def test_an_audit_whose_machine_is_lost_says_so(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, words: str
) -> None:
    monkeypatch.setattr("services.apart.stint.SILENT_LOOKS", 4)
    async with machine(installation, tmp_path) as other:
        work = asyncio.create_task(audit(installation.postgres, installation.cluster, processes=0, shared=True))
        await becomes(installation, TAKERS)
        await (other.kill() if how == "lost" else other.stop())
        with pytest.raises(MachineLostError if how == "lost" else FoldFailedError, match=words):
            await asyncio.wait_for(work, PATIENCE_S)
    assert await nothing_is_left(installation)
    assert (await audit(installation.postgres, installation.cluster)).passed
