"""Verifies a document from itself and the operator's key alone: first its proofs, then what follows from its records.

The findings are in words: what holds and what does not, and what was changed: a record, a segment, a checkpoint or a
line.
"""

from events.bill_parts import BrokenBillError
from events.codec import UndecodableRecordError
from events.sources import Origins
from events.topics import CATALOG, EVENTS
from projections.proof.merkle import UnprovenError, is_consistent, root_by_inclusion
from projections.proof.segments import record_leaf
from services.proof.deriving import BillInLog, derived, issued_in
from services.proof.documents import BillExport, Consistency, Inclusion, Provable
from services.proof.selecting import OfCatalog, RecordsOfBill, Wants
from services.proof.verdict import ProvedRecords, Verdict, compare, proved_records


def verify(document: Provable, key: str | None = None) -> Verdict:
    """Verify a document. `key`: the thumbprint of the operator's key; None: accept the key that the document names."""
    verdict = Verdict()
    match document:
        case Inclusion():
            _inclusion(verdict, document, key)
        case Consistency():
            _consistency(verdict, document, key)
        case BillExport():
            _bill(verdict, document, key)
    return verdict


def _inclusion(verdict: Verdict, document: Inclusion, key: str | None) -> None:
    what = f"the record at offset {document.offset} of {document.topic}/{document.partition}"
    head = verdict.head(document.checkpoint, what, key)
    if head is None:
        return
    leaf = record_leaf(document.offset, document.value.encode(errors="surrogatepass"))
    segment = document.segment.segment
    try:
        root = root_by_inclusion(leaf, document.place, segment.records, document.segment_path)
        tree = root_by_inclusion(
            segment.leaf(document.topic, document.partition), document.index, head.size, document.tree_path
        )
    except UnprovenError as error:
        return verdict.fails(f"{what}: no proof: {error}")
    if (head.topic, head.partition) != (document.topic, document.partition) or tree != head.root:
        verdict.fails(f"{what}: its segment is not part of {head.named}")
    elif root != segment.root or not segment.start <= document.offset < segment.end:
        verdict.fails(f"{what} is not the one that was signed")
    else:
        verdict.holds(f"{what} is part of {head.named}, {head.as_of}")


def _consistency(verdict: Verdict, document: Consistency, key: str | None) -> None:
    first = verdict.head(document.first, "the first", key)
    second = verdict.head(document.second, "the second", key)
    if first is None or second is None:
        return
    alike = (first.topic, first.partition) == (second.topic, second.partition)
    if alike and is_consistent(first.size, first.root, second.size, second.root, document.path):
        goes_on = f"{second.named}, {second.as_of}, goes on from checkpoint {first.size}, {first.as_of}"
        verdict.holds(f"{goes_on}: nothing before it was changed")
    else:
        verdict.fails(f"{second.named} does not go on from {first.named}")


def _bill(verdict: Verdict, document: BillExport, key: str | None) -> None:
    catalog = proved_records(verdict, document.catalog, (CATALOG, 0), key)
    log = proved_records(verdict, document.log, (EVENTS, document.log.partition), key)
    if catalog is None or log is None:
        return verdict.fails("no line is derived, for the records are not proved")
    if len(verdict.keys) > 1:
        return verdict.fails("its checkpoints are signed with different keys")
    try:
        issued = issued_in(log.records, document.bill_id)
        if issued is None or issued.bill.positions.partition != document.log.partition:
            return verdict.fails(f"bill {document.bill_id} was not issued, as far as these records tell")
        _only_what_counts(verdict, document, issued, catalog, log)
        if verdict.wrong:
            return verdict.fails("no line is derived, for the bill follows from other records than these")
        again = derived(issued.organization, issued.bill, catalog.records, log.records)
    except (UndecodableRecordError, BrokenBillError, LookupError) as error:
        return verdict.fails(f"no line is derived from these records: {type(error).__name__}: {error}")
    if not issued.stands:
        verdict.fails(f"bill {issued.bill.bill_id} was voided after it was issued")
    named = ", ".join(document.generations)
    verdict.notes(f"records count whose source is of {named}: these names are for the operator to confirm")
    verdict.notes(f"all that follows is {log.head.as_of}: what was written later is not in it, nor what was left out")
    compare(verdict, document, issued, again)


def _only_what_counts(
    verdict: Verdict, document: BillExport, issued: BillInLog, catalog: ProvedRecords, log: ProvedRecords
) -> None:
    """Check that an exporter would have put every record into the file: none is foreign, repeated, or of others.

    Also checks that the checkpoints reach the positions at which the bill was derived. Findings go to `verdict`.
    """
    bill, origins = issued.bill, Origins(frozenset(document.generations))
    if issued.organization != document.organization:
        said, issuer = document.organization, issued.organization
        verdict.fails(f"bill {bill.bill_id} is said to be of organization {said}, and was issued by {issuer}")
    parts: list[tuple[Wants, ProvedRecords, int]] = [
        (OfCatalog(origins, issued.organization, bill), catalog, bill.positions.catalog),
        (RecordsOfBill(origins, issued.organization, bill), log, bill.positions.log),
    ]
    for wants, proved, derived_at in parts:
        head = proved.head
        if head.segment.end < derived_at:
            verdict.fails(f"{head.named} ends before offset {derived_at}, up to which the bill was derived")
        reasons = [(record.offset, why) for record in proved.records if (why := wants.why_not(*record)) is not None]
        for why in dict.fromkeys(why for _, why in reasons):
            first, *others = [offset for offset, reason in reasons if reason == why]
            more = f", and so with {len(others)} more" if others else ""
            verdict.fails(f"{head.topic}/{head.partition}: the record at offset {first} {why}{more}")
