"""What has no code or uid in the file meets none that stands there, and no message shows one that was made for it."""

from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import Played, play
from services.simulate.story import parse_story
from services.simulate.yaml_lines import load_yaml
from tests.simulate.test_usage import billed, story, usage

TERM = "account: acme, amount: 100, startDate: 2026-01-01, endDate: 2027-01-01"
#: The second is what the first was once called without being asked.
COMMITMENTS = f"""
accounts: [{{code: acme}}]
commitments:
  - {{{TERM}, feeDates: [{{date: 2026-01-01, amount: 4,
      servicePeriodStartDate: 2026-01-01, servicePeriodEndDate: 2027-01-01}}]}}
  - {{{TERM}, code: commitment-2}}
steps:
  - update: {{commitment: commitment-1, set: {{amount: 5}}}}
    expectError: there is no commitment with code commitment-1
  - commitment: commitment-2
    expect: {{amount: 100, code: commitment-2}}
  - bill: {{date: 2026-01-01}}
"""
#: Usage without a uid beside usage whose uid is what the other was once called.
USAGE = [
    usage("ts: 2026-01-10T00:00:00Z, measure: {n: 1}"),
    usage("ts: 2026-01-11T00:00:00Z, measure: {n: 2}, uid: step-0"),
    usage("ts: 2026-01-12T00:00:00Z, measure: {n: 4}, uid: step-3-1"),
    usage("ts: 2026-01-13T00:00:00Z, measure: {n: 8}, repeat: {every: 1d, until: 2026-01-15}"),
]
WAITER = story(USAGE[0], "create: {accounts: [{code: simulate-waits-for-usage}]}", "bill: {date: 2026-02-01}")


def played(text: str) -> list[Played]:
    return play(parse_story(load_yaml(text)), MemoryPlayer())


def test_a_commitment_without_a_code_is_called_by_its_line() -> None:
    unknown, known, bill = played(COMMITMENTS)
    assert (unknown.differences, known.differences) == ((), ())
    assert bill.notes == ()
    assert unknown.notes == ("commitment of line 4: its feeDates bill 4 of the 100 USD outstanding: 96 is on no date",)
    [[line]] = [issued.lines for issued in bill.result]
    assert line.commitment == "commitment of line 4"


def test_usage_without_a_uid_is_never_taken_for_usage_with_one() -> None:
    assert billed(*USAGE) == "23.00"


def test_a_uid_of_no_characters_is_refused_as_ingest_refuses_it() -> None:
    [empty] = played(story(usage("ts: 2026-01-10T00:00:00Z, uid: '', measure: {n: 1}")))
    assert empty.differences == ("was refused: usage was refused: uid must have 1 to 256 characters",)
