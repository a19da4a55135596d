"""What is due of a family on a day, and what was billed of it."""

from datetime import date

from .ahead import left_alone
from .differences import add_billed, difference
from .lines import Due, Lines, due_lines
from .settlement import Settlement, settle
from .world import World


class Issuer:
    def __init__(self, world: World) -> None:
        self.world = world
        self.billed: Lines = {}
        self.latest: dict[str, date] = {}
        #: Of each family the day on which the last of what was billed ahead is due.
        self.ahead_until: dict[str, date] = {}
        #: Of what has been told, until more is.
        self.settlements: dict[tuple[str, date, bool], Settlement] = {}
        self.due: dict[tuple[str, date, bool], Due] = {}

    def issue(self, account: str, at: date, net: Lines) -> None:
        add_billed(self.billed, net)
        self.latest[account] = max(at, self.latest.get(account, at))

    def through(self, root: str, at: date) -> date:
        """No family is settled as of a day before its latest bill."""
        return max([at, *(self.latest.get(account, at) for account in self.world.family(root))])

    def bill_of(self, account: str, at: date, all_usage: bool) -> Lines:
        """The family is settled; the account's lines are what is due less what was billed."""
        at, root = max(at, self.latest.get(account, at)), self.world.root_of(account)
        between = not all_usage and self.ahead_until.get(root, at) > at
        due = self.due_of(root, at, all_usage or between)
        return difference(due, self.billed, account, left_alone(due, self.billed, at) if between else set())

    def due_of(self, root: str, at: date, all_usage: bool) -> Due:
        asked = (root, at, all_usage)
        if asked not in self.due:
            self.due[asked] = due_lines(self.world, self.settled(root, at, all_usage))
        return self.due[asked]

    def settled(self, root: str, at: date, all_usage: bool) -> Settlement:
        asked = (root, at, all_usage)
        if asked not in self.settlements:
            self.settlements[asked] = settle(self.world, root, at, all_usage)
        return self.settlements[asked]
