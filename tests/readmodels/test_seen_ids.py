"""Usage to rows of `seen_ids`: all ids of one write in one row, sixteen bytes each."""

from datetime import timedelta

from events.sources import DIGEST_BYTES
from projections.readmodels.positions import Position
from projections.readmodels.seen_ids import WINDOW, SeenRow
from services.projection.unwritten import new_partition
from tests.readmodels.given import AT

DIGESTS = ["00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"]


def test_the_ids_of_a_write_are_one_row_from_the_first_offset_on() -> None:
    state = new_partition(Position(3, log_time=AT), {})
    assert state.seen_row() is None
    state.unwritten.note_ids(40, DIGESTS[:1])
    state.unwritten.note_ids(41, DIGESTS[1:])
    row = state.seen_row()
    assert row == SeenRow(partition=3, first_offset=40, newest_arrival=AT, digests=bytes.fromhex("".join(DIGESTS)))
    assert len(row.digests) == 2 * DIGEST_BYTES


def test_ids_are_looked_for_during_the_window_of_the_logs_own_time() -> None:
    assert new_partition(Position(3, log_time=AT), {}).oldest_id() == AT - WINDOW == AT - timedelta(days=35)
    assert new_partition(Position(3), {}).oldest_id() is None
