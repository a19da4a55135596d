"""Compares a played step with its expectation, and words the differences."""

from typing import Any

from services.simulate.compare import bill_differences, fields_differences, ledger_differences, told_differences
from services.simulate.filing import asked_of
from services.simulate.player import PlayedBill, RefusedError
from services.simulate.story import Step
from services.simulate.yaml_lines import ScenarioError

#: The steps that expect acts of the product itself, with the word for one act.
_TOLD = {"automatic": "act", "alerts": "alert", "held": "record"}


def refusal_differences(step: Step, error: RefusedError) -> list[str]:
    """The differences of a refusal. An expectation may quote the message as shown, or as in HTTP."""
    if step.expect_error is None:
        return [f"was refused: {error}"]
    wanted = step.expect_error.lower()
    if wanted in str(error).lower() or wanted in error.wire.lower():
        return []
    return [f"was refused with {str(error)!r}, expected an error with {step.expect_error!r}"]


def step_differences(step: Step, result: Any) -> list[str]:
    """The expected values of a step that its result lacks. Raises: ScenarioError for an invalid expectation."""
    if step.kind == "journal":
        return ledger_differences(step.expect, result, step.line)
    if step.expect is None:
        return []
    if step.kind != "bill" and any(asked_of(step.expect)):
        problem = "a statement, recognition and months are of bills that are issued"
        raise ScenarioError(step.line, "expect", problem)
    if step.kind == "commitment":
        return fields_differences(step.expect, result, step.line)
    if step.kind in _TOLD:
        return told_differences(step.expect, result, step.line, _TOLD[step.kind])
    if isinstance(result, list):
        bills: list[PlayedBill] = result
        return bill_differences(step.expect, bills, step.line)
    if step.kind == "account":
        return fields_differences(step.expect, result, step.line)
    raise ScenarioError(step.line, "expect", f"a step of kind {step.kind} has no result to compare")
