"""The `trueup` command: puts the commands of the rooms together, and prints expected failures without a traceback.

A command's module is imported when it is called, so `trueup --help` answers at once.
"""

import errno
import gc
import importlib
import sys

import click

from services.failures import ExpectedFailure
from services.run.logs import configure_logs
from services.run.settings import load_settings

#: The command that reports wrong settings itself, beside all else that is wrong.
_READS_SETTINGS = "doctor"
#: Command name -> (module:attribute, help line).
COMMANDS = {
    "up": ("services.run.up:up", "Run stack, API, relay, ingest, projector and webhooks in one command."),
    "migrate": ("services.migrate.migrate:command", "Create or check topics, schema and read models."),
    "rebuild-store": ("services.rebuild.cli:rebuild", "Make event store and log agree after a loss of either."),
    "archive": ("services.archive.cli:archive", "Keep log and usage as files, in a folder or an object store."),
    "restore": ("services.archive.cli:restore", "Bring an archive back into Kafka."),
    "api": ("services.api.cli:api", "Serve HTTP: commands and queries."),
    "relay": ("services.relay.cli:relay", "Carry facts from the event store to Kafka."),
    "ingest": ("services.ingest.cli:ingest", "Rate usage into the log."),
    "projector": ("services.projector.cli:projector", "Fill the read models from the log."),
    "webhooks": ("services.webhooks.cli:webhooks", "Send what happened to those who asked to be told."),
    "notary": ("services.notary.cli:notary", "Sign the log, quarter hour by quarter hour, for auditors."),
    "doctor": ("services.doctor.cli:doctor", "Try every connection, right and setting of the servers."),
    "status": ("services.status.cli:status", "Say how far everybody is, who waits, what was proved last."),
    "keys": ("services.access.cli:keys", "Make, list, rotate and revoke access keys."),
    "forget": ("services.erasure.cli:forget", "Forget the personal data of an account."),
    "personal-keys": ("services.erasure.cli:personal_keys", "Make the operator's key of personal data; change it."),
    "bill": ("services.billing.cli:bill", "Issue what is due on or before a date."),
    "explain": ("services.explain.cli:explain", "Say why a bill line is what it is, down to single events."),
    "replay": ("services.audit.cli:replay", "Rebuild every read model from the log and swap it in."),
    "audit": ("services.audit.cli:audit", "Prove that the read models and bills equal their replay."),
    "assist": ("services.audit.cli:assist", "Fold partitions of replays and audits of other machines."),
    "proof": ("services.proof.cli:proof", "Prove that the log, or a record in it, is what was signed."),
    "export": (
        "services.exports.cli:export",
        "Write bill lines or a journal of them, or a bill with its proofs.",
    ),
    "verify": ("services.proof.cli:verify", "Verify a bill with its proofs, or a proof, offline."),
    "foreign": ("services.audit.foreign:foreign", "List or acknowledge records in our topics that are none of ours."),
    "import": ("services.importing.cli:import_file", "Send a file of usage over HTTP; goes on where it stopped."),
    "simulate": ("services.simulate.cli:simulate", "Play billing stories from YAML files."),
    "contracts": ("services.contracts.cli:contracts", "Write the OpenAPI and AsyncAPI documents."),
    "demo": ("services.demo.cli:demo", "Run the main job on real input and show it."),
}


class LazyGroup(click.Group):
    """A click group that imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        # Objects made by an import stay for ever. To search them for garbage during the import takes a tenth of a
        # worker's start, and would be part of every full collection afterwards.
        gc.disable()
        try:
            command = getattr(importlib.import_module(module), attribute)
        finally:
            gc.freeze()
            gc.enable()
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def trueup(ctx: click.Context) -> None:
    """Event-sourced billing for commitments: events happened, projections derive, services act."""
    if ctx.invoked_subcommand != _READS_SETTINGS:
        configure_logs(load_settings().log_level)


#: Errors of a disk or of this machine's limits that name no file.
_OF_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}


def main() -> None:
    """Entry point of the program. An expected failure ends it with exit status 1 and its message, not a traceback. So
    does a file or folder that cannot be read or written, for whatever reason.
    """
    try:
        trueup(standalone_mode=True)
    except ExpectedFailure as error:
        sys.exit(f"trueup: {error}")
    except OSError as error:
        if error.filename is None and error.errno not in _OF_MACHINE:
            raise
        sys.exit(f"trueup: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""))


if __name__ == "__main__":
    main()
