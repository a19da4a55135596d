"""A bug of the runner of bill jobs ends the API with that error, so that its exit status is not 0."""

import asyncio

import pytest

from services.api.cli import _serve
from services.billing.runner import BillRunner
from services.run.process import Process
from services.run.settings import load_settings
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def test_a_crashed_runner_ends_the_api_with_its_error(opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(_: BillRunner) -> None:
        raise AssertionError("a bug of the runner")

    monkeypatch.setattr(BillRunner, "run", run)
    process = Process(load_settings(), opened.endpoints, asyncio.Event())
    with pytest.raises(AssertionError, match="a bug of the runner"):
        async with asyncio.timeout(30):
            await _serve(process, "127.0.0.1", 0)
