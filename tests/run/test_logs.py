"""What libraries say again and again is printed once in a while, and what cannot be printed is lost."""

import logging
import subprocess
import sys

import pytest

from services.run.logs import RepeatFilter


def test_a_line_of_a_library_is_printed_once_whatever_its_numbers_are(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("some.client")
    caplog.handler.addFilter(RepeatFilter(60.0))
    try:
        for number in range(1_000):
            logger.error("cannot connect to node %s", number)
        logger.error("gave up")
        logging.getLogger("other.client").error("cannot connect to node %s", 1)
    finally:
        caplog.handler.filters.clear()
    assert [record.getMessage() for record in caplog.records] == [
        "cannot connect to node 0",
        "gave up",
        "cannot connect to node 1",
    ]


def test_after_a_while_it_is_printed_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RepeatFilter(0.0))
    try:
        for _ in range(2):
            logging.getLogger("some.client").error("cannot connect")
    finally:
        caplog.handler.filters.clear()
    assert len(caplog.records) == 2


def test_a_line_that_cannot_be_written_is_lost_and_fails_nobody() -> None:
    code = """
import structlog
from services.run.logs import configure_logs
configure_logs("INFO")
for _ in range(3):
    structlog.get_logger("test").info("said", text="x" * 10_000)
print("went on")
"""
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=full, text=True, check=False)
    assert done.stdout == "went on\n"
