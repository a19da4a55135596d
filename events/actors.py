"""Who did it: the caller of a command, an automatic rule, or the worker that wrote what nobody asked for by name.

A caller is named `USER_<name>`, a rule `RULE_<code>`, a worker by its bare name, so none is taken for another. Ingest
names nobody in its records, of which there are many: their source says that it wrote them.
"""

#: Most characters of an actor, in the log and in the event store.
ACTOR_LENGTH_MAX = 120
#: Workers, where a fact has no caller.
RELAY, BILLING, ALERTS = "relay", "billing", "alerts"
#: Whoever operates the database, by a command of `trueup`.
OPERATOR = "operator"
#: Usage over Kafka that brought its account into being.
USAGE = "usage"
_CALLER = "USER_"
#: An automatic rule (rules 12), by its code.
_RULE = "RULE_"
#: Most characters of a caller's own name.
CALLER_LENGTH_MAX = ACTOR_LENGTH_MAX - len(_CALLER)
#: How whoever did what has no actor reads on the wire.
UNNAMED = f"{_CALLER}LOCAL"


def caller(name: str) -> str | None:
    """The actor that a caller of this name is; None for a name that cannot be kept."""
    return f"{_CALLER}{name}" if name.isprintable() and 1 <= len(name) <= CALLER_LENGTH_MAX else None


def rule(code: str) -> str:
    """The actor that an automatic rule of this code is."""
    return f"{_RULE}{code}"


def shown(actor: str | None) -> str:
    """The actor as the wire has it."""
    return UNNAMED if actor is None else actor
