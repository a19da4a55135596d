"""m3ter's search grammar for bills: conditions on rows of table `bills`."""

from services.api.bill_filters import FREQUENCIES, STATUSES
from services.api.parameters import FLAG, choice_rule
from services.api.search import Searching, compared, only_equal
from services.commands.errors import InvalidField
from services.readside.table_rows import AS_TEXT, IS_ONE_OF
from services.store.listing import Condition

_SORTED_ONLY = {"billTotal": "total", "currency": "currency"}


#: Fields that have few values: nothing equals another.
_CHOICES = {"status": STATUSES, "billingFrequency": FREQUENCIES, "locked": FLAG}


class BillSearch(Searching):
    """Finds bills by what their rows and documents hold; all but `ids` is compared as text."""

    fields = tuple(AS_TEXT)

    def test(self, name: str, comparator: str, value: str) -> Condition:
        if name == "ids":
            only_equal(name, comparator)
            return Condition(IS_ONE_OF, value.split(","))
        if comparator == ":" and value not in _CHOICES.get(name, (value,)):
            raise InvalidField(field="searchQuery", rule=f"{name} {choice_rule(_CHOICES[name])}")
        return compared(name, AS_TEXT[name], comparator, value)

    def order(self, name: str | None) -> str:
        found = (AS_TEXT | _SORTED_ONLY).get(name) if name else "position"
        if found is None:
            raise InvalidField(field="sortBy", rule=f"must be one of {', '.join(AS_TEXT | _SORTED_ONLY)}")
        return found
