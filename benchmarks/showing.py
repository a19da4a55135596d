"""How every benchmark ends: tables for people; its last line is JSON, for programs."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.console import Console, RenderableType


def show(tables: Iterable[RenderableType], document: Any, file: Path | None) -> None:
    """Print them and the document, which goes into the file, too, if one is given."""
    console = Console(width=100)
    for table in tables:
        console.print(table)
    text = json.dumps(document)
    if file is not None:
        file.write_text(text + "\n")
    click.echo(text)
