"""Log lines of every command: structlog to stderr, as text on a terminal and as JSON elsewhere, one line per event.

Fields have the same names everywhere: `organization`, `topic`, `partition`, `offset`, and `correlation` of a request.
No line has a secret, a body, or personal data: not who asked, from where, nor the content of a record.
Of libraries only warnings are logged, because the workers log what matters themselves.
"""

import logging
import sys
import time
from contextlib import suppress
from typing import TextIO, cast

import structlog

_CHATTY = ("aiokafka", "faststream", "httpx", "httpcore", "uvicorn.access")
_COMMON: tuple[structlog.typing.Processor, ...] = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)
#: The same line of a library is printed at most once in this many seconds.
REPEAT_SECONDS = 60.0


class RepeatFilter(logging.Filter):
    """Lets the same line of a library pass only once in `seconds`: a client that cannot connect logs several a second.

    Two lines are the same if logger and message template are, whatever values are in them.
    """

    def __init__(self, seconds: float = REPEAT_SECONDS) -> None:
        super().__init__()
        self._seconds = seconds
        self._printed: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        line, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._printed.get(line, float("-inf")) < self._seconds:
            return False
        self._printed[line] = now
        return True


class Lossy:
    """A stream for log lines: those that cannot be written, because a disk is full or nobody reads a pipe any more, are
    lost. No request and no process fails for want of a log line.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write the text, or lose it."""
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """Pass on what was written, or lose it."""
        with suppress(OSError):
            self._stream.flush()


def configure_logs(level: str) -> None:
    """Set up structlog and the standard library's logging for this process. `level`: a name such as INFO."""
    number = logging.getLevelNamesMapping()[level]
    is_terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer()
    )
    logging.basicConfig(level=number, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(RepeatFilter())
        if not is_terminal:
            handler.setFormatter(_of_libraries(renderer))
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    # While a broker restarts, aiokafka logs an error each second; the worker logs it once, with what it does about it.
    logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(max(number, logging.CRITICAL))
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_COMMON, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=cast("TextIO", Lossy(sys.stderr))),
        cache_logger_on_first_use=True,
    )


def _of_libraries(renderer: structlog.typing.Processor) -> logging.Formatter:
    """A formatter that makes a library's log records lines like ours, with the name of the logger."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *_COMMON],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
