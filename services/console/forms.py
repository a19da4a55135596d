"""In whose form a page spells money, numbers and days: the account's own, else its organization's, else the visitor's.

No resource of the wire has a locale, so accounts and organizations say theirs in the custom field `locale`: `de-CH`.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from services.console.asking import Asking, Refused
from services.spelling import FIELD, PLAIN, first_known

#: A header longer than any that a browser sends is not read.
_HEADER_MAX = 1_000


def form_of(documents: Iterable[Any], accepted: str) -> str:
    """The form that the first of these documents asks for which asks for one that is known; else the one that the
    visitor's `Accept-Language` likes most; else plain English. As babel names it: `de_CH`.
    """
    wished = (document["customFields"].get(FIELD) for document in documents if _has_fields(document))
    return first_known((*wished, *_liked(accepted)))


def _has_fields(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("customFields"), dict)


def _liked(accepted: str) -> list[str]:
    """The locales of a header, the most liked first: `de-CH, fr;q=0.8, *;q=0.1`."""
    liked = []
    for language in accepted[:_HEADER_MAX].split(","):
        name, _, weight = language.partition(";")
        with suppress(ValueError):
            liked.append((float(weight.strip().removeprefix("q=") or 1), name.strip()))
    return [name for weight, name in sorted(liked, key=lambda weighed: -weighed[0]) if weight > 0]


async def form_for(asking: Asking, accepted: str, values: dict[str, Any]) -> str:
    """The form of a page that shows these: of its account, or of that of its bill. What it does not have is asked
    for; what is refused says nothing, for a page that says why must not be refused itself.
    """
    account, config, bill = values.get("account"), values.get("config"), values.get("bill")
    if account is None and isinstance(bill, dict):
        account = await _or_nothing(asking, "accounts", bill["accountId"])
    if form_of([account], "") == PLAIN and not isinstance(config, dict):
        config = await _or_nothing(asking, "organizationconfig")
    return form_of([account, config], accepted)


async def _or_nothing(asking: Asking, *path: str) -> Any:
    with suppress(Refused):
        return await asking.get(*path)
