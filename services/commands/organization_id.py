"""The form of an organization's id, for HTTP and for `trueup keys`, which starts without loading the facts that other
rules need.
"""

from services.commands.refused import InvalidField

#: The separator in usage's keys, which an id must not contain.
LENGTH_MAX = 80


def check_organization_id(text: str) -> None:
    """Check an organization's id. Raises: InvalidField."""
    if not 1 <= len(text) <= LENGTH_MAX or not text.isprintable():
        raise InvalidField(field="orgId", rule=f"must be 1 to {LENGTH_MAX} printable characters")
    if text in (".", ".."):
        raise InvalidField(field="orgId", rule="must not be . or .., which mean another path, in addresses and folders")
