"""For how long the read models have not shown what was there, by one look after the other."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.sources import Origins, read_source
from events.topics import CATALOG, EVENTS, MIB, USAGE, home_of
from services.readside.lateness import MARKS_MAX, Lateness
from services.readside.live import Live
from services.readside.looking import FoldProgress, Seen
from services.store.generations import Generations

PARTITIONS = 2
GENERATIONS = Generations("c", "g", PARTITIONS, Origins(frozenset("cg")), MIB)
#: What waits: events of the store, usage, records of the log, and of the catalog in it.
PLACES = ("store", "usage", "log", "catalog")


@dataclass
class World:
    """How much there is of each, and how much of it is shown."""

    there: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PLACES, 5))
    shown: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PLACES, 5))
    generations: Generations = GENERATIONS
    outdated: Live | None = None

    def seen(self) -> Seen:
        read: dict[int, dict[str, int]] = {partition: {} for partition in range(PARTITIONS)}
        for partition in range(PARTITIONS):
            read[home_of(partition, PARTITIONS)][read_source("g", partition)] = self.shown["usage"]
        folded = dict.fromkeys(range(PARTITIONS), self.shown["log"])
        progress = FoldProgress(folded, dict.fromkeys(range(PARTITIONS), self.shown["catalog"]), read)
        return Seen(self.there["store"], self.shown["store"], progress, self.generations, self.outdated)

    def ends(self) -> dict[str, dict[int, int]]:
        usage, log = (dict.fromkeys(range(PARTITIONS), self.there[topic]) for topic in ("usage", "log"))
        return {USAGE: usage, EVENTS: log, CATALOG: {0: self.there["catalog"]}}


def test_what_is_shown_is_not_late() -> None:
    world, lateness = World(), Lateness()
    assert [lateness.note(world.seen(), world.ends(), now) for now in (0.0, 100.0)] == [0, 0]


@pytest.mark.parametrize("place", PLACES)
def test_whatever_waits_is_late_since_it_was_there(place: str) -> None:
    world, lateness = World(), Lateness()
    lateness.note(world.seen(), world.ends(), 0)
    world.there[place] = 6
    assert [lateness.note(world.seen(), world.ends(), now) for now in (5.0, 12.0)] == [0, 7]
    world.there[place] = 8
    assert lateness.note(world.seen(), world.ends(), 20) == 15
    world.shown[place] = 6
    assert lateness.note(world.seen(), world.ends(), 25) == 5, "what came since 20 still waits"
    world.shown[place] = 8
    assert lateness.note(world.seen(), world.ends(), 30) == 0


def test_read_models_of_another_version_do_not_show_it() -> None:
    world, lateness = World(outdated=Live("a", "1", "2")), Lateness()
    assert [lateness.note(world.seen(), world.ends(), now) for now in (0.0, 9.0)] == [0, 9]


def test_while_kafka_is_away_what_was_not_shown_goes_on_to_be_late_and_commands_wait() -> None:
    world, lateness = World(), Lateness()
    world.there["usage"] = 6
    lateness.note(world.seen(), world.ends(), 0)
    assert lateness.note(world.seen(), {}, 5) == 5
    world.shown["usage"], world.there["store"] = 6, 6
    assert [lateness.note(world.seen(), {}, now) for now in (10.0, 14.0)] == [0, 4]


def test_another_history_is_not_measured_by_what_was_there_before() -> None:
    world, lateness = World(), Lateness()
    world.there["store"] = 9
    lateness.note(world.seen(), world.ends(), 0)
    world.there["store"] = 5  # Postgres was restored
    assert lateness.note(world.seen(), world.ends(), 10) == 0
    world.there["usage"] = 9
    lateness.note(world.seen(), world.ends(), 20)
    world.there["usage"], world.generations = 5, replace(GENERATIONS, usage="h")
    world.shown["usage"] = 0
    assert lateness.note(world.seen(), world.ends(), 30) == 0


@given(
    st.lists(st.tuples(st.sampled_from(PLACES), st.integers(0, 3), st.integers(0, 3)), max_size=60),
)
def test_it_is_as_late_as_the_oldest_that_was_seen_and_is_not_shown(steps: list[tuple[str, int, int]]) -> None:
    world, lateness = World(), Lateness()
    looks: list[tuple[int, dict[str, int]]] = []
    for now, (place, more, shown) in enumerate(steps):
        world.there[place] += more
        world.shown[place] = min(world.there[place], world.shown[place] + shown)
        late = lateness.note(world.seen(), world.ends(), now)
        looks.append((now, dict(world.there)))
        waits = [at for at, there in looks if any(there[name] > world.shown[name] for name in PLACES)]
        assert late == (now - waits[0] if waits else 0)


def test_however_long_it_takes_a_bounded_number_of_moments_is_kept_and_the_oldest_of_them() -> None:
    world, lateness = World(), Lateness()
    for now in range(5 * MARKS_MAX):
        world.there["store"] += 1
        assert lateness.note(world.seen(), world.ends(), now) == now
    assert len(lateness._marks) <= MARKS_MAX
