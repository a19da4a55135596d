"""Who did something: the caller of a command, an automatic rule, or a worker that wrote a fact nobody asked for.

A caller is named `USER_<name>`, a rule `RULE_<code>` and a worker by its bare name, so the three cannot be confused.
The many records of ingest carry no actor, because their source already says that ingest wrote them.
"""

#: Longest actor, in characters, in the log and in the event store.
ACTOR_LENGTH_MAX = 120
#: Workers that are the actor of a fact without a caller.
RELAY, BILLING, ALERTS = "relay", "billing", "alerts"
#: Whoever operates the database by a `trueup` command.
OPERATOR = "operator"
#: The actor of an account that was created by its first usage over Kafka.
USAGE = "usage"
_CALLER = "USER_"
#: An automatic rule (rules 12), named by its code.
_RULE = "RULE_"
#: Longest name of a caller, in characters.
CALLER_LENGTH_MAX = ACTOR_LENGTH_MAX - len(_CALLER)
#: How an absent actor is shown on the wire.
UNNAMED = f"{_CALLER}LOCAL"


def caller(name: str) -> str | None:
    """The actor for the caller of this name; None if the name cannot be stored."""
    return f"{_CALLER}{name}" if name.isprintable() and 1 <= len(name) <= CALLER_LENGTH_MAX else None


def rule(code: str) -> str:
    """The actor for the automatic rule of this code."""
    return f"{_RULE}{code}"


def shown(actor: str | None) -> str:
    """The actor as it is shown on the wire."""
    return UNNAMED if actor is None else actor
