"""Time enters the log as a fact, so that a replay tomorrow derives what was derived today (decision 14)."""

from datetime import datetime
from typing import ClassVar

from events.facts.base import Fact, Route


class ClockTicked(Fact):
    """The time is at least `now`: for the envelope's organization (a test clock), or, without one, for all others."""

    route: ClassVar[Route] = Route.EVERYWHERE

    now: datetime
