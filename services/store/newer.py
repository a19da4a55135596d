"""What a newer version of Trueup has put into the event store while this one still runs beside it.

Both failures pass by themselves: another process understands it, or whoever replaces this one.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from events.resources.base import Resource
from services.failures import ExpectedFailure, Passing, Worded
from services.words import rule_of

R = TypeVar("R", bound=Resource)


class NewerEventError(Worded, ExpectedFailure, Passing):
    """event {position} of the store is of a newer version of Trueup: {why}"""


class NewerResourceError(Worded, ExpectedFailure, Passing):
    """{kind} {id} was written by a newer version of Trueup than this process is of: {why}"""


def body_of(row: Mapping[str, Any], model: type[R]) -> R:
    """The body that a row of the command side's view holds. What this version or an older one has written fits.

    Raises: NewerResourceError.
    """
    try:
        return model.model_validate(json.loads(row["body"]))
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))} {rule_of(first)}"
        raise NewerResourceError(kind=row["kind"], id=row["id"], why=why) from error
