"""`trueup contracts`."""

from pathlib import Path

import click

from services.contracts.documents import README, documents
from services.failures import ExpectedFailure, Worded


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
