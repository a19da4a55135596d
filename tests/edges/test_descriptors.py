"""How many connections a process may hold follows from how many files the host lets it open."""

import resource

import pytest

from services.api.cli import OTHER_FILES, room_for

UNBOUNDED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "room", "left"),
    [
        (1_024, 524_288, 4_000, 4_000 + OTHER_FILES),  # most hosts: what may be had is asked for
        (1_024, UNBOUNDED, 4_000, 4_000 + OTHER_FILES),
        (1_024, 1_024, 1_024 - OTHER_FILES, 1_024),
        (20_000, 20_000, 4_000, 20_000),
        (UNBOUNDED, UNBOUNDED, 4_000, UNBOUNDED),
        (100, 100, 1, 100),
    ],
)
def test_there_is_room_for_what_the_host_allows(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, room: int, left: int
) -> None:
    held = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: held[0])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: held.__setitem__(0, limits))
    assert room_for(4_000) == room
    assert held == [(left, hard)]
