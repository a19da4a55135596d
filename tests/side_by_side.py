"""Which tests stay together when workers run side by side, in which order they begin, and when what they share ends.

A file's tests stay together. So do files that share a system which costs more to start than they take: each worker that
had one of them would start its own. What takes longest comes first, so that no worker is left alone with it at the end.
"""

from collections.abc import Generator
from functools import cache
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Beginnings of paths, the longest work first; each row is one unit, and a path is of the row that has most of it. All
#: else is a unit a file, and comes after these.
#: What measures times comes when the live stories, which take all that the machine has, are over.
LONGEST = (
    ("tests/simulate/test_live",),
    tuple(f"tests/continuity/test_{name}.py" for name in ("log_lost", "divided_bills", "drills")),
    ("tests/continuity/test_usage_lost.py",),
    ("tests/install/test_install.py",),
    ("tests/billing/",),
    (
        *("tests/contracts/", "tests/examples/", "tests/console/"),
        *("tests/alerts/test_raised.py", "tests/automation/test_acting.py"),
    ),
    ("tests/system/test_survival.py",),
    ("tests/continuity/test_upgrade.py",),
    ("tests/servers/test_first_bill.py",),
    ("tests/servers/test_failover.py",),
    ("tests/servers/test_doctor.py",),
    ("tests/system/test_up.py",),
    ("tests/ingest/", "tests/proof/", "tests/relay/", "tests/run/", "tests/servers/test_postgres_tls.py"),
    tuple(f"tests/sight/test_{name}.py" for name in ("processes", "traces", "whole", "log_lines")),
    ("tests/insight/test_stack_", "tests/insight/test_what_if"),
    (
        *(
            f"tests/{name}/"
            for name in ("api", "archive", "exports", "store", "migrate", "readmodels", "readside", "kafka", "postgres")
        ),
        *(f"tests/billing/test_{name}.py" for name in ("failures", "selection", "side_by_side")),
        *(f"tests/continuity/test_{name}.py" for name in ("mending", "by_hand")),
        *(f"tests/alerts/test_{name}.py" for name in ("following", "refused")),
        "tests/automation/test_killed.py",
        *("tests/personal/", "tests/refusals/test_killed.py", "tests/webhooks/"),
    ),
    ("tests/audit/",),
    ("tests/apart/",),
    ("tests/system/test_started_alone.py",),
    ("tests/continuity/test_postgres_lost.py",),
    ("tests/billing/test_large_bills.py",),
    ("tests/continuity/test_another_version.py",),
    ("tests/continuity/test_missing_topics.py",),
    ("tests/system/test_idle.py",),
    ("tests/system/test_first_start.py",),
    ("tests/second_biller/test_agreement.py",),
    ("tests/continuity/test_transactions.py",),
    ("tests/continuity/test_actors.py",),
    ("tests/install/test_runtime.py",),
    ("tests/projector/",),
    ("tests/settlement/test_laws.py",),
    ("tests/test_architecture.py", "tests/test_ownership.py"),
    ("tests/insight/test_explain_stories.py",),
    ("tests/test_settlement_doc.py",),
    ("tests/edges/test_slow_clients.py",),
    ("tests/second_biller/test_stories.py",),
)


def rank_of(nodeid: str) -> int:
    """The lower, the sooner it begins."""
    return _rank_of_file(nodeid.partition("::")[0])


@cache
def _rank_of_file(path: str) -> int:
    rows = [(len(start), rank) for rank, unit in enumerate(LONGEST) for start in unit if path.startswith(start)]
    return max(rows)[1] if rows else len(LONGEST)


def unit_of(nodeid: str) -> str:
    """Tests of one unit run one after the other in one worker."""
    rank = rank_of(nodeid)
    return LONGEST[rank][0] if rank < len(LONGEST) else nodeid.partition("::")[0]


class ByUnit(LoadScopeScheduling):  # type: ignore[misc]
    """Gives workers one unit after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


#: Fixtures for many files that have servers: these take a share of a core as long as they run, used or not.
SERVERS = ("breakable", "common_system", "live", "stack")


class Endings:
    """A plugin that ends servers when no test behind has a use for them, where fixtures of a session would go on to its
    end. Units are begun in the order of the session, so a worker that is beyond the last test with a server comes to
    none again."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._begun: dict[str, tuple[pytest.FixtureDef[Any], Any]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note where each test stands, and the last one with each server."""
        for place, item in enumerate(session.items):
            self._places[item.nodeid] = place
            names = getattr(item, "fixturenames", ())
            self._last.update({name: place for name in SERVERS if name in names})

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Note which have begun."""
        found = yield
        if fixturedef.argname in SERVERS and fixturedef.scope in ("session", "package"):
            self._begun[fixturedef.argname] = fixturedef, request
        return found

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> Generator[None, None, None]:
        """End what the next test and those behind it have no use for; what was made of it ends first."""
        yield
        if nextitem is None:
            return  # the session ends, and with it all
        place = self._places[nextitem.nodeid]
        for name in [name for name in self._begun if self._last[name] < place]:
            definition, request = self._begun.pop(name)
            definition.finish(request)
