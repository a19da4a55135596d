"""Real Kafka and real Postgres, given by address, in Docker, or embedded as child processes (README).

    async with running_stack(load_settings()) as endpoints: ...

Embedded is the default. It needs no Docker, no root and no system service, keeps its data under TRUEUP_HOME, and leaves
nothing running, whatever ends the parent. No topic or table is made here: `trueup migrate` does that.
"""

from services.run.stack.faults import HomeInUse, NoAnswer, NotOurs, StackError
from services.run.stack.part import Endpoints
from services.run.stack.stack import (
    Stack,
    known_endpoints,
    known_kafka,
    known_postgres,
    running_stack,
    told_endpoints,
    told_kafka,
)

__all__ = [
    "Endpoints",
    "HomeInUse",
    "NoAnswer",
    "NotOurs",
    "Stack",
    "StackError",
    "known_endpoints",
    "known_kafka",
    "known_postgres",
    "running_stack",
    "told_endpoints",
    "told_kafka",
]
