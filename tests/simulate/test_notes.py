"""What is said of a commitment's fee schedule is said of commitments that stand."""

from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import play
from services.simulate.story import parse_story
from services.simulate.yaml_lines import load_yaml

TERMS = "account: acme, amount: 5, startDate: 2026-01-01, endDate: 2027-01-01"
FEES = "feeDates: [{date: 2026-01-01, amount: 4, servicePeriodStartDate: 2026-01-01, servicePeriodEndDate: 2027-01-01}]"
SHORT = "commitment c: its feeDates bill 4 of the 5 USD outstanding: 1 is on no date"


def _notes(*steps: str) -> list[tuple[str, ...]]:
    text = "accounts: [{code: acme}]\nsteps:\n" + "".join(f"  - {step}\n" for step in steps)
    found = play(parse_story(load_yaml(text)), MemoryPlayer())
    assert not [result.differences for result in found if result.differences]
    return [result.notes for result in found]


def test_a_schedule_that_leaves_something_out_is_told() -> None:
    assert _notes(f"create: {{commitments: [{{code: c, {TERMS}, {FEES}}}]}}") == [(SHORT,)]


def test_nothing_is_told_of_what_a_refused_step_had_made() -> None:
    nobodys = TERMS.replace("acme", "nobody")
    refused = (
        f"create: {{commitments: [{{code: c, {TERMS}, {FEES}}}, {{code: d, {nobodys}}}]}}\n    expectError: nobody"
    )
    later = f"create: {{commitments: [{{code: c, {TERMS}}}]}}"
    assert _notes(refused, later) == [(), ()]


def test_changed_terms_are_judged_by_all_that_the_commitment_then_is() -> None:
    made = f"create: {{commitments: [{{code: c, {TERMS}, amountPrePaid: 1, {FEES}}}]}}"
    renamed, less, none = (f"update: {{commitment: c, set: {{{what}}}}}" for what in
                           ("commitmentFeeDescription: fee", "amountPrePaid: 2.50", "amountPrePaid: null"))  # fmt: skip
    assert _notes(made, renamed, less, none) == [
        (),
        (),
        ("commitment c: its feeDates bill 4 of the 2.5 USD outstanding: 1.5 more than that",),
        (SHORT,),
    ]
