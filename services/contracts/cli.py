"""`trueup contracts`: writes the files that follow from the code, and says what is in each."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from services.api.app import create_app
from services.contracts.asyncapi import asyncapi
from services.contracts.metrics_page import metrics_page
from services.contracts.readme_table import replaced
from services.contracts.settings_page import settings_page
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster


class NoReadmeError(Worded, ExpectedFailure):
    """there is no {file}: run it in the repository, or name the repository's folder"""


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False, exists=True))
def contracts(folder: Path) -> None:
    """Write what docs/ has that follows from the code (openapi.json, asyncapi.json, settings.md, metrics.md) and
    README.md's table of paths, below FOLDER, the repository.
    """
    if not (folder / README).exists():
        raise NoReadmeError(file=folder / README)
    for path, text in documents(folder):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
        click.echo(folder / path)


OPENAPI, ASYNCAPI, README = Path("docs/openapi.json"), Path("docs/asyncapi.json"), Path("README.md")
SETTINGS, METRICS = Path("docs/settings.md"), Path("docs/metrics.md")


def openapi() -> dict[str, Any]:
    """The document that the API serves at `/openapi.json`. No server is contacted."""
    return create_app("", Cluster("")).openapi()


def documents(root: Path) -> Iterator[tuple[Path, str]]:
    """Each file to write: its path below `root`, the repository's folder, and its text.

    Raises: FileNotFoundError if there is no README.md; ValueError if that has no place for the table of paths.
    """
    http = openapi()
    yield OPENAPI, written(http)
    yield ASYNCAPI, written(asyncapi())
    yield SETTINGS, settings_page()
    yield METRICS, metrics_page()
    yield README, replaced((root / README).read_text(), http)


def written(document: dict[str, Any]) -> str:
    """The document as JSON text, laid out such that small changes of the document are small changes of the text."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
