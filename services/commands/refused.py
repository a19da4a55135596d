"""The refusals of commands. Each docstring is the message; the HTTP status is chosen in `services/api/statuses.py`."""

from services.failures import Worded

#: Most characters of a client's text that a message repeats.
_REPEATED = 80


def shortened(text: str, most: int = _REPEATED) -> str:
    """The beginning of a client's text, for a message."""
    return text if len(text) <= most else f"{text[:most]}..."


class CommandError(Worded):
    """the command is refused"""


class InvalidField(CommandError):
    """{field}: {rule}"""


class InvalidBody(CommandError):
    """{problems}"""


class UnknownOrganization(CommandError):
    """organization {organization} is unknown or not yours; it exists from its first PUT organizationconfig"""


class UnknownResource(CommandError):
    """there is no {kind} with id {id}"""


class UnknownReference(CommandError):
    """{field}: there is no {kind} with id {id}"""


class VersionConflict(CommandError):
    """version: {kind} {id} is at version {current}, not {given}"""


class VersionMissing(CommandError):
    """version: is required, and must equal the current version of the {kind}"""


class IdInUse(CommandError):
    """id: {id} is in use already"""


class NotUnique(CommandError):
    """{field}: {value} is taken by {kind} {id}"""


class Referenced(CommandError):
    """{kind} {id} is not deleted: {referrer} {referrer_id} refers to it"""


class AlreadyUsed(CommandError):
    """{kind} {name} has drawn or billed, so it is not deleted without force=true"""


class UsageIsVoided(CommandError):
    """usage {id} of source {source} is voided, and stays so: send what is right under another id"""


class DebitUncovered(CommandError):
    """balance {id}: what was taken out of it by {day} would be {lacking} more than what is paid in"""


class AlreadyCancelled(CommandError):
    """commitment {name} is cancelled and takes no further change"""


class TooFineAmount(CommandError):
    """{field}: {amount} is finer than the minor unit of {currency}, which has {digits} digits after the point"""


class OverlappingPlan(CommandError):
    """startDate: account plan {id} of the same product covers some of these days; allowOverlappingPlans permits it"""


class KeepsNoKeys(CommandError):
    """organization {organization} keeps personal data as all else: only one created with personalData ERASABLE can \
forget it"""


class NoTestClock(CommandError):
    """organization {organization} has the real clock; only one created with testClock true can be moved"""
