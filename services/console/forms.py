"""The locale in which a page writes money, numbers and days: the account's own, else its organization's, else the
visitor's.

No resource of the wire has a locale, so accounts and organizations give theirs in the custom field `locale`: `de-CH`.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from services.console.asking import ApiRefused, Asking
from services.spelling import FIELD, PLAIN, first_known

#: A header longer than any browser sends is ignored.
_HEADER_MAX = 1_000


def form_of(documents: Iterable[Any], accepted: str) -> str:
    """The first known locale in these documents; else the visitor's favourite in `Accept-Language`; else plain English.
    In babel's spelling: `de_CH`.
    """
    wished = (document["customFields"].get(FIELD) for document in documents if _has_fields(document))
    return first_known((*wished, *_liked(accepted)))


def _has_fields(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("customFields"), dict)


def _liked(accepted: str) -> list[str]:
    """The locales of a header, favourite first: `de-CH, fr;q=0.8, *;q=0.1`."""
    liked = []
    for language in accepted[:_HEADER_MAX].split(","):
        name, _, weight = language.partition(";")
        with suppress(ValueError):
            liked.append((float(weight.strip().removeprefix("q=") or 1), name.strip()))
    return [name for weight, name in sorted(liked, key=lambda weighed: -weighed[0]) if weight > 0]


async def form_for(asking: Asking, accepted: str, values: dict[str, Any]) -> str:
    """The locale of a page with these documents: of its account, or of its bill's account. Missing documents are
    requested; a refusal is ignored, because the page that reports it must not be refused itself.
    """
    account, config, bill = values.get("account"), values.get("config"), values.get("bill")
    if account is None and isinstance(bill, dict):
        account = await _or_nothing(asking, "accounts", bill["accountId"])
    if form_of([account], "") == PLAIN and not isinstance(config, dict):
        config = await _or_nothing(asking, "organizationconfig")
    return form_of([account, config], accepted)


async def _or_nothing(asking: Asking, *path: str) -> Any:
    with suppress(ApiRefused):
        return await asking.get(*path)
