"""A record counts in a file as it counts for every reader of the log, whoever made the file."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import pytest

from services.proof.documents import PartitionProof
from services.proof.verifying import verify
from tests.proof.signed_log import BILL, LOG, ORGANIZATION, OTHERS, SHARED, SIGNER, SignedLog, signed_log

SIGNED = signed_log()
EXPORT = SIGNED.export()


def a_log_with(usage: Callable[[str], str]) -> tuple[PartitionProof, int]:
    """A log in which stands, before the bill, also what `usage` makes of a record of usage: with all of the customer's
    records, as somebody may export it who asks not which of them count; and where that one stands."""
    values = [value or b"" for _, value in SIGNED.records[LOG]]
    own = next(value for value in values if b'"tokens":"300"' in value)
    at = values.index(own) + 1
    # In the place of a record of others, so that positions of the bill stand.
    at = next(index for index in range(at, len(values)) if OTHERS.encode() in values[index])
    values[at] = usage(own.decode()).encode()
    account = SIGNED.bill.account_id.encode()
    signed = SignedLog(SIGNED.records | {LOG: list(enumerate(values))}, SIGNED.bill)
    wanted = {index for index, value in enumerate(values[: SIGNED.bill.positions.log]) if account in value}
    wanted |= {index for index, value in enumerate(values) if b'"BillIssued"' in value}
    return signed.proved(LOG, Exactly(wanted)), at


@dataclass(frozen=True)
class Exactly:
    """Wants records at these offsets, whatever they are."""

    offsets: Collection[int]

    def why_not(self, offset: int, value: bytes) -> str | None:
        return None if offset in self.offsets else "is not asked for"


@pytest.mark.parametrize(
    ("usage", "why"),
    [
        (lambda text: text, "has a number that its source had used before"),
        (lambda text: text.replace('"source":"usage/', '"source":"usage/stranger-'), "is no record of this system"),
        (lambda text: text.replace('"source":"usage/', '"source":"usages/'), "is no record of this system"),
        (
            lambda text: text.replace('"source":"usage/', '"source":"read/').replace(
                f'"organization":"{ORGANIZATION}"', f'"organization":"{OTHERS}"'
            ),
            "is another organization's",
        ),
    ],
)
def test_usage_that_no_reader_counts_is_not_counted_in_a_file(usage: Callable[[str], str], why: str) -> None:
    log, at = a_log_with(usage)
    verdict = verify(EXPORT.model_copy(update={"log": log}), SIGNER.key)
    assert verdict.wrong == [
        f"billing.events/0: the record at offset {at} {why}",
        "no line is derived, for the bill follows from other records than these",
    ]


def test_the_catalog_of_others_is_not_taken() -> None:
    every = SIGNED.proved(SHARED, Exactly(range(len(SIGNED.records[SHARED]))))
    verdict = verify(EXPORT.model_copy(update={"catalog": every}), SIGNER.key)
    assert any("is another organization's, and so with" in text for text in verdict.wrong)
    assert verdict.wrong[-1].startswith("no line is derived")


def test_the_organization_is_that_of_the_issued_bill() -> None:
    verdict = verify(EXPORT.model_copy(update={"organization": "someone-else"}), SIGNER.key)
    assert (
        verdict.wrong[0] == f"bill {BILL} is said to be of organization someone-else, and was issued by {ORGANIZATION}"
    )
    verdict = verify(EXPORT.model_copy(update={"generations": ("another-system",)}), SIGNER.key)
    assert "is no record of this system, and so with" in verdict.wrong[0]
