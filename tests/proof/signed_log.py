"""A log in memory with its signed heads, and a bill of it as an operator exports it: nothing here needs a server."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from events.codec import decode
from events.facts.bills import BillIssued, Positions
from events.sources import Origins
from events.topics import CATALOG, EVENTS
from projections.proof.segments import Cutter, Tree
from projections.settlement import draft_bills, issue
from services.proof.deriving import LoggedRecord, family_at
from services.proof.documents import BillExport, PartitionProof
from services.proof.head import TopicPartition, head_of, notary, sign_head
from services.proof.heads_topic import Published, series_of
from services.proof.selecting import Collector, OfCatalog, RecordsOfBill, Wants
from services.signatures import Signer
from tests.projector.log import Log, days, id_of

SIGNER = notary(b"an operator's key of thirty-two bytes")
OTHER_SIGNER = notary(b"the key of somebody else, as long as it")
ORGANIZATION, OTHERS = "proved", "others"
ORIGINS = Origins(frozenset((ORGANIZATION, OTHERS)))
BILL = id_of("the bill")
LOG, SHARED = (EVENTS, 0), (CATALOG, 0)
Numbered = list[tuple[int, bytes | None]]


@dataclass(frozen=True, slots=True)
class SignedLog:
    """Records of each partition with their offsets, and a bill that stands there."""

    records: dict[TopicPartition, Numbered]
    bill: BillIssued

    def heads(self, topic_partition: TopicPartition, signer: Signer = SIGNER) -> list[Published]:
        """What a notary has published of a partition."""
        return series_of(tokens_of(self.records[topic_partition], topic_partition, signer), topic_partition)

    def export(self) -> BillExport:
        """The bill, shown as it was issued."""
        return BillExport(
            organization=ORGANIZATION,
            generations=tuple(sorted(ORIGINS.generations)),
            bill_id=self.bill.bill_id,
            total=self.bill.total,
            lines=self.bill.lines,
            log=self.proved(LOG, RecordsOfBill(ORIGINS, ORGANIZATION, self.bill)),
            catalog=self.proved(SHARED, OfCatalog(ORIGINS, ORGANIZATION, self.bill)),
        )

    def proved(self, topic_partition: TopicPartition, wants: Wants) -> PartitionProof:
        """What is wanted of a partition."""
        heads, collector = self.heads(topic_partition), Collector(topic_partition, wants)
        collector.take(self.records[topic_partition])
        assert collector.segments == [head.head.segment.segment for head in heads]
        return collector.proof(heads[-1].token, len(heads))


def tokens_of(records: Numbered, topic_partition: TopicPartition, signer: Signer = SIGNER) -> list[str]:
    """The tokens of these records' heads."""
    tree, tokens = Tree(*topic_partition), []
    for cut in Cutter(0).take(records):
        tree = tree.grown(cut.segment)
        tokens.append(sign_head(signer, head_of(tree, cut.segment)))
    return tokens


def quarter(number: int) -> datetime:
    return datetime(2026, 3, 20, number // 4, number % 4 * 15, tzinfo=UTC)


def signed_log() -> SignedLog:
    """January of `acme`, and of another organization's account in the same partition, over four quarter hours."""
    log, others = Log(ORGANIZATION, 1, generation=ORGANIZATION), Log(OTHERS, 1, generation=OTHERS)
    others.pending = log.pending
    for logged, name in ((log, "acme"), (others, "bolt")):
        logged.catalog()
        logged.account(name, prepaid="3")
    for number, ts in enumerate(days(31)):
        if number % 8 == 7:
            log.tick(quarter(number // 8))
        log.usage("acme", "m", ts, tokens=10 * number)
        others.usage("bolt", "m", ts, tokens=1)
    log.read()
    bill = _bill(log)
    log.command(bill, account=log.id("acme"))
    log.usage("acme", "m", days(1)[0], tokens=999)
    log.tick(quarter(9))
    log.usage("acme", "m", days(1)[0], tokens=1)
    records = {
        topic_partition: list[tuple[int, bytes | None]](enumerate(values))
        for topic_partition, values in log.pending.items()
    }
    return SignedLog(records, bill)


def _bill(log: Log) -> BillIssued:
    """As a bill run would issue it, of all that stands in the log."""
    records = {
        topic_partition: list(map(LoggedRecord, range(len(values)), values))
        for topic_partition, values in log.pending.items()
    }
    positions = Positions(partition=0, log=len(records[LOG]), catalog=len(records[SHARED]))
    account = log.id("acme")
    own = [record for record in records[LOG] if decode(record.value).account == account]
    shared = [record for record in records[SHARED] if decode(record.value).organization == ORGANIZATION]
    family = family_at(ORGANIZATION, account, positions, shared, own)
    [draft] = draft_bills(family, date=date(2026, 2, 1))
    return issue(draft, bill_id=BILL, positions=positions)
