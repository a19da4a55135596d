"""A console's page that is followed: its stream is a response that goes on, and ends whole when its process does."""

import asyncio

from services.api.app import create_app
from services.console.sessions import COOKIE
from tests.api.serving import served
from tests.api_client import TOKEN_SECRET, http_client, token_of
from tests.store.kit import Store


async def test_a_process_that_ends_ends_its_streams_whole(store: Store) -> None:
    """Else its end would wait for them, and cut them off."""
    account = await store.account()
    app = create_app(store.endpoints.database_url, store.endpoints.kafka, token_secret=TOKEN_SECRET)
    path = f"/console/organizations/{store.organization}/live"
    async with served(app) as url, http_client(url) as client, asyncio.timeout(60):
        client.cookies.set(COOKIE, token_of())
        async with client.stream("GET", path, params={"account": account}) as stream:
            assert stream.status_code == 200 and stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.aiter_lines()
            assert (await anext(lines)).startswith("retry:")
            app.state.streams.end()
            assert [line async for line in lines][-1] == "", "all of it came, to its last chunk"
        assert (await client.get(path, params={"account": account})).status_code == 503
