"""Limits that the server keeps for a session of ours. Otherwise a process that is paused, or whose machine is gone,
would keep others waiting for its locks as long as the session lasts, which may be hours.

They are set by statements, since a pooler may refuse them as parameters of the connection.
"""

from typing import Any

#: A transaction in which nothing was asked for so long is ended. Nothing of ours computes that long between two
#: statements, except what is patient: audits and replays in schemas of their own. Machines that fill one together may
#: wait for each other, so the session of one that stands still is ended (services/apart/).
IDLE_IN_TRANSACTION_SECONDS = 60
#: The same for a session outside of any transaction that holds a lock and asks all the time.
IDLE_SESSION_SECONDS = 120
#: A machine that does not answer at all is given up after two minutes, whether anything was sent to it or not; by
#: itself, the server would notice after two hours.
_KEEPALIVES = {
    "tcp_keepalives_idle": "60s",
    "tcp_keepalives_interval": "10s",
    "tcp_keepalives_count": "6",
    "tcp_user_timeout": "120s",
}
_IDLE_IN_TRANSACTION = "idle_in_transaction_session_timeout"
PATIENT = f"SET LOCAL {_IDLE_IN_TRANSACTION} = 0"


async def limit_session(raw: Any) -> None:
    """Limit transactions of asyncpg's connection, and how long a machine may be gone."""
    settings = {_IDLE_IN_TRANSACTION: f"{IDLE_IN_TRANSACTION_SECONDS}s", **_KEEPALIVES}
    await raw.execute("SELECT " + ", ".join(_set(name, value, "false") for name, value in settings.items()))


async def limit_idling(connection: Any) -> None:
    """End the session, outside of a transaction too, once nothing was asked for so long."""
    await connection.execute(f"SELECT {_set('idle_session_timeout', f'{IDLE_SESSION_SECONDS}s', 'false')}")


def limiting() -> str:
    """The expression that limits a transaction, for a pooler whose sessions are others' as well."""
    return _set(_IDLE_IN_TRANSACTION, f"{IDLE_IN_TRANSACTION_SECONDS}s", "true")


def _set(name: str, value: str, only_transaction: str) -> str:
    return f"set_config('{name}', '{value}', {only_transaction})"
