"""Ids and positions for bills that no log holds."""

from uuid import NAMESPACE_URL, uuid5

from events.facts.bills import Positions

NOWHERE = Positions(partition=0, log=0, catalog=0)


def bill_id_of(number: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"insight/{number}"))
