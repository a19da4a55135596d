"""Facts to rows of `positions`: how far a partition is folded, each source's last sequence, how far usage is read."""

import json

from events.facts.usage import RecordMark, UsageRead
from events.sources import LastSequences
from events.topics import EVENTS
from projections.readmodels.positions import Position, UsageRow, move_arguments, position_of, usage_row
from tests.readmodels.given import AT

MARK = RecordMark(offset=41, ms=1_769_000_000_000, digest="0123456789abcdef")
COLUMNS = (
    "topic", "partition", "epoch", "expected", "next_offset", "sequences", "tick", "log_time", "catalog_offset",
    "meters", "mark",
)  # fmt: skip


def test_positions_move_from_where_they_are_stored_sorted_by_partition() -> None:
    moved = Position(3, 42, 7, LastSequences({"b": 2, "a": 1}), AT, AT, 12, {"meter": 40}, MARK, stored=30)
    arguments = dict(zip(COLUMNS, move_arguments([moved, Position(1, 5, 2)]), strict=True))
    assert (arguments["topic"], arguments["partition"], arguments["epoch"]) == (EVENTS, [1, 3], [2, 7])
    assert (arguments["expected"], arguments["next_offset"]) == ([0, 30], [5, 42])
    assert (arguments["tick"], arguments["catalog_offset"]) == ([None, AT], [0, 12])
    assert arguments["sequences"] == ["{}", '{"a": 1, "b": 2}']
    assert arguments["mark"] == [None, MARK.model_dump_json()]


def test_a_position_is_read_back_as_it_was_written() -> None:
    held = Position(3, 42, 7, LastSequences({"a": 1}), AT, AT, 12, {"meter": 40}, MARK, stored=42)
    written = dict(
        zip(
            COLUMNS,
            (argument[0] if isinstance(argument, list) else argument for argument in move_arguments([held])),
            strict=True,
        )
    )
    assert position_of(written) == held


def test_how_far_usage_is_read_is_the_sources_word() -> None:
    read = UsageRead(next_offset=42, rated=2, duplicate=0, rejected=0, rerouted=0, mark=MARK)
    assert usage_row("read/first/3", read) == UsageRow(3, 42, "read/first/3", MARK.model_dump_json())
    assert json.loads(usage_row("read/first/3", read).mark or "")["offset"] == 41
    assert usage_row("read/first/3", read.model_copy(update={"mark": None})).mark is None
