"""`trueup notary`: signs the log at the end of each quarter hour, until it is stopped.

It does not use Postgres and is in no consumer group, so no other process waits for it. A second notary does no harm and
no good: both append the same bytes.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import click
import structlog

from events.topics import TREE_HEADS
from services.breaks import TopicMissingError
from services.concurrency import first_of
from services.garbage import tune_garbage_collection
from services.kafka import BatchWriter, Cluster, KafkaAdmin, LogReader
from services.notary.signing import Notary
from services.proof.head import TopicPartition
from services.proof.head import notary as signer_of
from services.proof.heads_topic import signed_partitions
from services.run.process import KafkaProcess, run_on_kafka
from services.sight.metrics import SIGNED_TICK
from services.sight.pulse import PULSE
from services.signatures import NoSecretError, Signer

#: Seconds between looks for new records. Heads are due at ticks only, but reading in between spreads the work.
LOOK_SECONDS = 5.0
_log = structlog.get_logger(__name__)


async def sign_log(
    cluster: Cluster, signer: Signer, stop: asyncio.Event, *, ready: Callable[[], None] = lambda: None
) -> None:
    """Sign all records that are there and that come, until `stop` is set. `ready`: called once all partitions have
    been compared with their last signed heads.

    Raises: OtherLogError, SignedBeyondError, LogWentBackError, LogCutError; TopicMissingError and other temporary
    failures, after which it is to be called again.
    """
    async with LogReader(cluster) as reader, BatchWriter(cluster) as writer:
        notary, wanted = Notary(signer, reader, writer), await _partitions(cluster)
        for topic_partition in wanted:
            await notary.begin(topic_partition)
        _log.info("notary_signs", key=signer.key, partitions=len(wanted))
        ready()
        while not stop.is_set():
            behind = [
                topic_partition
                for topic_partition in wanted
                if not stop.is_set() and await notary.step(topic_partition)
            ]
            PULSE.went_round()
            if (tick := notary.oldest_tick()) is not None:
                SIGNED_TICK.set(tick)
            if not behind:
                await first_of(LOOK_SECONDS, stop)


async def _partitions(cluster: Cluster) -> list[TopicPartition]:
    async with KafkaAdmin(cluster) as admin:
        if not await admin.partition_counts([TREE_HEADS]):
            raise TopicMissingError(cluster, TREE_HEADS)
        return await signed_partitions(admin)


async def _sign(process: KafkaProcess) -> None:
    secret = process.settings.checkpoint_secret
    if secret is None:
        raise NoSecretError
    tune_garbage_collection()
    signer = signer_of(secret.get_secret_value().encode())
    await sign_log(process.kafka, signer, process.stop, ready=process.ready)


@click.command()
@click.option("--ready-file", type=click.Path(path_type=Path, dir_okay=False), help="Written once the notary works.")
def notary(ready_file: Path | None) -> None:
    """Sign the log with TRUEUP_CHECKPOINT_SECRET, quarter hour by quarter hour, until Ctrl-C."""
    run_on_kafka(_sign, ready_file, seen_as="notary")
