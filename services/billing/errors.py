"""Why a command on a bill is refused. Each docstring is the message."""

from services.commands.errors import CommandError


class BillNotPending(CommandError):
    """bill {id} is approved; only a pending bill {rule}"""


class BillStillPending(CommandError):
    """bill {id} is pending; approve it before it is locked"""


class BillIsLocked(CommandError):
    """bill {id} is locked and cannot be voided any more"""


class BillIsEmpty(CommandError):
    """bill {id} has no lines: nothing is due for it any more; delete it, or recalculate it"""
