"""The command `trueup doctor`: runs the checks and prints their results."""

import json
import logging
import sys

import click
import uvloop

from services.doctor.examine import examine
from services.doctor.findings import Report
from services.doctor.kafka_needs import PROCESSES


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON document.")
@click.option(
    "--as",
    "processes",
    multiple=True,
    type=click.Choice(PROCESSES),
    help="Look at the rights of this process alone; may be given several times.",
)
def doctor(as_json: bool, processes: tuple[str, ...]) -> None:
    """Try every connection, right and setting of the servers and change nothing; exit status 1 if anything is wrong."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a finding tells each failure in a line
    report = uvloop.run(examine(processes or PROCESSES))
    click.echo(json.dumps(report.document(), indent=2) if as_json else _text(report))
    sys.exit(0 if report.is_green else 1)


def _text(report: Report) -> str:
    wrong = len(list(report.wrong_checks()))
    last = "green: nothing is wrong" if not wrong else f"red: {wrong} thing{'s are' if wrong > 1 else ' is'} wrong"
    return "\n".join([*map(str, report.findings), last])
