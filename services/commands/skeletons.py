"""An account that its first usage brings into being: nothing but a code, which is its name, too."""

from datetime import datetime

from events.resources.accounts import Account
from events.resources.base import Code, Model
from services.commands.bodies import parse_model
from services.commands.messages import CreateResource


class _Named(Model):
    code: Code


def skeleton_account(id: str, code: str, now: datetime) -> CreateResource:
    """The command that makes it under this id; a PUT makes it whole.

    Raises: InvalidBody for what cannot be an account's code.
    """
    named = parse_model(_Named, {"code": code})
    return CreateResource("account", id, Account(code=named.code, name=named.code), now)
