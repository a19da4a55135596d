"""The API's liveness probe: whatever it answers is a sign of life, that it answers nothing is none."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.deploy.checks import OPEN_PORT
from tests.deploy.files import read


class Away(http.server.BaseHTTPRequestHandler):
    """As the API answers while Postgres is away."""

    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """Where it answers."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Away)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def status(port: int) -> int:
    """What the probe ends with, asked of this port."""
    [container] = read().named("Deployment", "trueup-api")["spec"]["template"]["spec"]["containers"]
    python, option, code = container["livenessProbe"]["exec"]["command"]
    assert (python, code.count(OPEN_PORT)) == ("python", 1)
    asked = [sys.executable, option, code.replace(OPEN_PORT, str(port))]
    return subprocess.run(asked, timeout=60, capture_output=True, check=False).returncode


def test_a_process_that_answers_lives_though_it_cannot_serve(port: int) -> None:
    assert status(port) == 0


def test_one_that_does_not_answer_does_not() -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), Away)
    server.server_close()
    assert status(server.server_port) != 0
