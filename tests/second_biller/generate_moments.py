"""Days of a generated story told as date-times: at midnight UTC, or at an instant that is another day in some zones."""

from collections import Counter
from typing import Any

from .choosing import FIRST, Choices, Stamp

Thing = dict[str, Any]
MIDNIGHT = "T00:00:00Z"
OTHERS = ("T03:00:00Z", "T23:00:00Z")
DATED = ("pricings", "counterPricings", "balances", "accountPlans")


def tell_in_moments(c: Choices, story: Thing) -> None:
    """In one story of some, dates of account plans, balances and prices become date-times."""
    if not c.chance(3):
        return
    told = every(story)
    plans_of = Counter(owner for kind, owner, _ in told if kind == "accountPlans")
    for kind, owner, entity in told:
        # An account's plans follow one another: none may move into its neighbour, nor past what a counter was told.
        still = kind == "accountPlans" and (plans_of[owner] > 1 or "counters" in story)
        stamp(c, entity, (MIDNIGHT,) if still else (MIDNIGHT, *OTHERS, *OTHERS))


def every(story: Thing) -> list[tuple[str, str, Thing]]:
    """(kind, account of an account plan, entity) wherever it stands."""
    groups = [(kind, made) for step in story["steps"] for kind, made in step.get("create", {}).items()]
    groups += [(kind, story.get(kind, [])) for kind in DATED]
    groups += [("pricings", plan.get("pricings", [])) for plan in story["plans"]]
    entities = [
        (kind, str(entity.get("account", "")), entity) for kind, made in groups if kind in DATED for entity in made
    ]
    inner = [(str(a["code"]), plan) for a in story["accounts"] for plan in a.get("plans", [])]
    return entities + [("accountPlans", account, entity) for account, entity in inner]


def stamp(c: Choices, entity: Thing, times: tuple[str, ...]) -> None:
    """An empty term keeps one moment; a short one keeps its days."""
    start, end = entity["startDate"], entity.get("endDate")
    if start == FIRST or (end is not None and (end - start).days < 3):
        times = (MIDNIGHT,)
    if c.chance(2):
        entity["startDate"] = Stamp(f"{start}{c.pick(times)}")
    if end == start:
        entity["endDate"] = entity["startDate"]
    elif end is not None and c.chance(2):
        entity["endDate"] = Stamp(f"{end}{c.pick(times)}")
