"""`trueup api`."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import click
import structlog
import uvicorn
from fastapi import FastAPI

from services.api.app import create_app
from services.concurrency import first_of
from services.failures import ExpectedFailure, Worded
from services.postgres import Role, connected
from services.postgres.roles import is_here
from services.run.process import Process, run_process
from services.store.generations import load_generations

GRACE_SECONDS = 10
#: How long an idle connection stays open. Balancers keep theirs for 60 s: were it less here, a request that is sent
#: just as the server closes would be lost.
KEEP_ALIVE_SECONDS = 75
_log = structlog.get_logger(__name__)


class AddressTakenError(Worded, ExpectedFailure):
    """the API cannot listen on {host}:{port}: {cause}; choose another with --port or TRUEUP_API_PORT \
(0 takes a free one)"""


class Server(uvicorn.Server):
    """Signals are `run_process`'s business: uvicorn would send them again after it has stopped.

    It keeps the time of its answers' headers, each second, and looks no oftener whether it was asked to end.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._asked = asyncio.Event()

    def ask_to_end(self) -> None:
        """At once."""
        self.should_exit = True
        self._asked.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await first_of(1.0, self._asked)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server_of(app: FastAPI) -> Server:
    """The server that serves the app."""
    return Server(
        uvicorn.Config(
            app,
            http="httptools",
            log_config=None,
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises: AddressTakenError."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise AddressTakenError(host=host, port=port, cause=error.strerror or error) from error
    return bound


async def _serve(process: Process, host: str, port: int) -> None:
    endpoints = process.endpoints
    # Asked before the server starts: who has not migrated yet is told, and not served.
    async with connected(endpoints.database_url, Role.WATCH) as connection:
        await load_generations(connection)
        if not await is_here(connection, Role.API):
            _log.warning("row_security_off", note="`trueup migrate` says what the database's administrator has to run")
    with bind(host, port) as bound:
        app = create_app(
            endpoints.database_url,
            endpoints.kafka_bootstrap,
            skeleton_accounts=process.settings.skeleton_accounts_http,
        )
        server = server_of(app)
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if not serving.done():
            port = bound.getsockname()[1]
            process.ready(url=f"http://{host}:{port}", port=port)
            stopping = [asyncio.create_task(one.wait()) for one in (process.stop, app.state.crashed.event)]
            await asyncio.wait((serving, *stopping), return_when=asyncio.FIRST_COMPLETED)
            for waiting in stopping:
                waiting.cancel()
        server.ask_to_end()
        await serving
        if app.state.crashed.error is not None:
            raise app.state.crashed.error


@click.command()
@click.option("--host", help="Address to listen on; loopback unless TRUEUP_API_HOST says otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option(
    "--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="JSON with the URL, once it answers."
)
def api(host: str | None, port: int | None, ready_file: Path | None) -> None:
    """Serve HTTP until Ctrl-C: commands and queries."""

    async def serve(process: Process) -> None:
        settings = process.settings
        await _serve(process, host or settings.api_host, settings.api_port if port is None else port)

    run_process(serve, ready_file)
