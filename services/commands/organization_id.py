"""What an organization's id may be, for whoever takes one: HTTP, and `trueup keys`, which begins without loading the
facts that the other rules look at.
"""

from services.commands.refused import InvalidField

#: It is a part of usage's keys.
LENGTH_MAX = 80


def check_organization_id(text: str) -> None:
    """Raises: InvalidField for what could not be an organization's id."""
    if not 1 <= len(text) <= LENGTH_MAX or not text.isprintable():
        raise InvalidField(field="orgId", rule=f"must be 1 to {LENGTH_MAX} printable characters")
