"""Log lines of every command: structlog to stderr, as text on a terminal and as JSON elsewhere.

The libraries' own loggers are kept to warnings; they repeat what the workers say themselves.
"""

import logging
import sys
import time

import structlog

_CHATTY = ("aiokafka", "faststream", "httpx", "httpcore", "uvicorn.access")
#: A library's line is printed once in so many seconds, whatever it says in between in the same words.
REPEAT_SECONDS = 60.0


class RepeatFilter(logging.Filter):
    """Lets a line of a library pass once in a while: a client that cannot connect says so several times a second.

    Lines are told apart by logger and wording, not by their numbers. What a worker makes of it, it says itself.
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


def configure_logs(level: str) -> None:
    """Set up structlog and the standard library's logging for this process. `level` is a name such as INFO."""
    number = logging.getLevelNamesMapping()[level]
    logging.basicConfig(level=number, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(RepeatFilter())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    # While a broker restarts aiokafka prints an error a second; the worker says it once, with what it does about it.
    logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(max(number, logging.CRITICAL))
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
