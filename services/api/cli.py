"""The command `trueup api`: serves HTTP."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from datetime import timedelta
from math import ceil
from pathlib import Path

import click
import structlog
import uvicorn
from fastapi import FastAPI

from services.access.local import check_host
from services.api.app import create_app
from services.api.edges.connections import LIMITS, Connection, Limits, connection_of
from services.api.edges.rates import Rates
from services.concurrency import first_of
from services.erasure.operators_key import keyring_of
from services.exports.places import ExportFiles
from services.failures import ExpectedFailure, Worded
from services.personal.keys import check_opens
from services.postgres import Role, connected
from services.postgres.roles import is_here
from services.proof.head import key_by
from services.run.process import Process, raise_file_limit, run_process
from services.sight.pulse import PULSE
from services.store.generations import load_generations
from services.webhooks.rules import WebhookRules

#: How long a running request may take once the process is asked to end. With its other clean-up, the process ends
#: within five seconds.
GRACE_SECONDS = 3
#: How often all connections are checked for slow clients.
LOOK_SECONDS = 1.0
_log = structlog.get_logger(__name__)
#: Open files other than connections: Kafka, Postgres, the listening socket, Python's own.
OTHER_FILES = 200


class AddressTakenError(Worded, ExpectedFailure):
    """the API cannot listen on {host}:{port}: {cause}; choose another with --port or TRUEUP_API_PORT \
(0 takes a free one)"""


class Server(uvicorn.Server):
    """A server without signal handlers: `run_process` handles signals, and uvicorn would send them again after its
    stop.

    Each second it updates the time in its answers' headers, and checks its connections.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._asked = asyncio.Event()

    def ask_to_end(self) -> None:
        """End at once."""
        self.should_exit = True
        self._asked.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await first_of(LOOK_SECONDS, self._asked)
            PULSE.went_round()
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.look(now)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server_of(app: FastAPI, limits: Limits = LIMITS) -> Server:
    """The server for the app, with these limits for clients."""
    return Server(
        uvicorn.Config(
            app,
            http=connection_of(limits),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=ceil(limits.idle_seconds),
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises: AddressTakenError."""
    # With the protocol, so that asyncio's own loop treats it as TCP; otherwise each answer would wait 40 ms for an
    # acknowledgement.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise AddressTakenError(host=host, port=port, cause=error.strerror or error) from error
    return bound


async def _serve(process: Process, host: str, port: int) -> None:
    endpoints, settings, keyring = process.endpoints, process.settings, keyring_of(process.settings)
    # Checked before the server starts: on a database that is not migrated it refuses to start.
    async with connected(endpoints.database_url, Role.WATCH) as connection:
        await load_generations(connection)
        await check_host(connection, host)
        await check_opens(connection, keyring)
        if not await is_here(connection, Role.API):
            _log.warning("row_security_off", note="`trueup migrate` says what the database's administrator has to run")
    with bind(host, port) as bound:
        app = create_app(
            endpoints.database_url,
            endpoints.kafka,
            rates=Rates.of(settings.api_rate, settings.api_burst),
            pooler_url=settings.pooler,
            public_url=settings.api_public_url,
            exports=ExportFiles(
                settings.exports or str(settings.home / "exports"), timedelta(days=settings.exports_kept_days)
            ),
            token_secret=None if settings.token_secret is None else settings.token_secret.get_secret_value(),
            proof_key=key_by(settings.checkpoint_secret),
            keyring=keyring,
            webhook_rules=WebhookRules.of(settings),
        )
        server = server_of(app, Limits(room_for(settings.api_connections), settings.api_client_seconds))
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if not serving.done():
            port = bound.getsockname()[1]
            process.ready(url=f"http://{host}:{port}", port=port)
            stopping = [asyncio.create_task(event.wait()) for event in (process.stop, app.state.crashed.event)]
            await asyncio.wait((serving, *stopping), return_when=asyncio.FIRST_COMPLETED)
            for waiting in stopping:
                waiting.cancel()
        if not serving.done():
            app.state.health.watcher.end_waiting()  # the process has one watcher
            app.state.streams.end()
        server.ask_to_end()
        await serving
        if app.state.crashed.error is not None:
            raise app.state.crashed.error


@click.command()
@click.option("--host", help="Address to listen on; loopback unless TRUEUP_API_HOST says otherwise, which needs a key.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one.")
@click.option(
    "--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="JSON with the URL, once it answers."
)
def api(host: str | None, port: int | None, ready_file: Path | None) -> None:
    """Serve HTTP until Ctrl-C: commands and queries."""

    async def serve(process: Process) -> None:
        settings = process.settings
        await _serve(process, host or settings.api_host, settings.api_port if port is None else port)

    run_process(serve, ready_file, seen_as="api")


def room_for(connections: int) -> int:
    """The number of connections to allow: as many as wanted, or as the host's limit of open files permits, once that
    was raised as far as it can be.
    """
    files = raise_file_limit(connections + OTHER_FILES)
    return connections if files is None else max(1, min(connections, files - OTHER_FILES))
