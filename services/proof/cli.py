"""`trueup proof`, `trueup export bill`, `trueup verify`: operators make proofs, and auditors check them."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from events.topics import CATALOG, EVENTS
from services.commands.refused import CommandError
from services.failures import ExpectedFailure, Worded
from services.kafka import KafkaAdmin, LogReader
from services.postgres import open_postgres
from services.proof.checking import PartitionCheck
from services.proof.documents import read_document, written
from services.proof.exporting import export_bill, prove_consistency, prove_inclusion
from services.proof.head import Document, TopicPartition, key_by, notary, read_head
from services.proof.heads_topic import all_heads, numbered, signed_partitions
from services.proof.verifying import verify as verify_document
from services.readside.bill_rows import organization_of_bill
from services.run.process import KafkaProcess, Process, run_on_kafka, run_process
from services.run.settings import load_settings
from services.signatures import NoSecretError
from services.whole_file import write_whole
from services.words import printable

#: Exit statuses of `verify`. Status 2 is click's own, for wrong use.
_DIFFERS, _WHOSE_KEY = 1, 3
_of_catalog = click.option("--catalog", is_flag=True, help="Of billing.catalog, which has partition 0 alone.")


class LogDiffersError(Worded, ExpectedFailure):
    """{what}"""


@click.group()
def proof() -> None:
    """Prove that the log was not changed since it was signed, and that single records stand in it."""


@proof.command()
def key() -> None:
    """Print the thumbprint of the key that TRUEUP_CHECKPOINT_SECRET gives: what auditors are to be told."""
    secret = load_settings().checkpoint_secret
    if secret is None:
        raise NoSecretError
    click.echo(notary(secret.get_secret_value().encode()).key)


@proof.command()
@click.argument("partition", type=click.IntRange(min=0))
@click.argument("offset", type=click.IntRange(min=0))
@_of_catalog
def inclusion(partition: int, offset: int, catalog: bool) -> None:
    """Print the proof that the record at OFFSET of PARTITION of billing.events stands in what is signed."""
    _print(lambda reader, key: prove_inclusion(reader, _topic_partition(partition, catalog), offset, key))


@proof.command()
@click.argument("partition", type=click.IntRange(min=0))
@click.argument("first", type=click.IntRange(min=1))
@click.argument("second", type=click.IntRange(min=1), required=False)
@_of_catalog
def consistency(partition: int, first: int, second: int | None, catalog: bool) -> None:
    """Print the proof that checkpoint SECOND of PARTITION, or the newest, goes on from checkpoint FIRST."""
    _print(lambda reader, key: prove_consistency(reader, _topic_partition(partition, catalog), first, second, key))


@proof.command()
@click.option(
    "--key",
    help="The thumbprint of the key that is to have signed; else that of TRUEUP_CHECKPOINT_SECRET, if it is given.",
)
def log(key: str | None) -> None:
    """Read the whole log again and compare it with what was signed; exit status 1 names the first difference."""

    async def body(process: KafkaProcess) -> None:
        async with KafkaAdmin(process.kafka) as admin, LogReader(process.kafka) as reader:
            wanted = key or key_by(process.settings.checkpoint_secret)
            for topic_partition in await signed_partitions(admin):
                await check_partition(reader, topic_partition, wanted)

    run_on_kafka(body)


async def check_partition(reader: LogReader, topic_partition: TopicPartition, key: str | None = None) -> None:
    """Read a whole partition, compare it with its heads, and print how far it is as it was signed.

    `key`: the thumbprint of the key that must have signed; None: the key that signed last.
    Raises: NoHeadsError, LogDiffersError.
    """
    heads = await all_heads(reader, topic_partition, key)
    [end] = (await reader.end_offsets(topic_partition[0], [topic_partition[1]])).values()
    check = PartitionCheck([checkpoint.head for checkpoint in heads])
    async for records in reader.read(*topic_partition, 0, end):
        check.take(numbered(records))
    check.end()
    newest, signed_by = read_head(heads[-1].token, key)
    if check.difference is not None:
        raise LogDiffersError(what=check.difference)
    click.echo(f"{newest.named}, and all before it: the log up to offset {newest.segment.end} is what was signed")
    click.echo(f"signed with key {signed_by}")


@click.command()
@click.argument("id")
@click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="The file; else it is printed."
)
def bill(id: str, to: Path | None) -> None:
    """Write the issued bill ID with the records that it follows from, each proved to be part of a signed checkpoint."""

    async def body(process: Process) -> None:
        async with open_postgres(process.endpoints.database_url, most=2) as postgres:
            try:
                organization = await organization_of_bill(postgres, id)
                document = await export_bill(
                    postgres, process.endpoints.kafka, organization, id, key_by(process.settings.checkpoint_secret)
                )
            except CommandError as error:
                raise click.ClickException(str(error)) from error
        if to is None:
            click.echo(written(document))
        else:
            write_whole(to, written(document))

    run_process(body)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--key", help="The thumbprint of the operator's key, as the operator told it.")
def verify(file: Path, key: str | None) -> None:
    """Verify FILE, a bill or a proof, with nothing but this program.

    Exit status 0: all of it holds, and is signed with the key that you name. 1: something differs, or FILE cannot be
    read. 3: all of it holds under the key in the last line, which nobody has compared with the operator's.
    """
    verdict = verify_document(read_document(file.read_bytes(), file), key)
    for line in verdict.lines:
        click.echo(printable(line))
    for signed_by in sorted(verdict.keys):
        click.echo(
            f"signed with key {signed_by}" + ("" if key else "; compare it with the one that the operator names")
        )
    if verdict.wrong:
        sys.exit(_DIFFERS)
    sys.exit(0 if key else _WHOSE_KEY)


def _topic_partition(partition: int, catalog: bool) -> TopicPartition:
    return (CATALOG if catalog else EVENTS), partition


def _print(prove: Callable[[LogReader, str | None], Awaitable[Document]]) -> None:
    """Make a proof and print it; of the operator's key, if its secret is among the settings."""

    async def body(process: KafkaProcess) -> None:
        async with LogReader(process.kafka) as reader:
            click.echo(written(await prove(reader, key_by(process.settings.checkpoint_secret))))

    run_on_kafka(body)
