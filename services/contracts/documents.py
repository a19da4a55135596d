"""The files of the contracts, and what is in each."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.api.app import create_app
from services.contracts.metrics_page import metrics_page
from services.contracts.settings_page import settings_page
from services.contracts.table import replaced
from services.contracts.topics import asyncapi
from services.kafka import Cluster

OPENAPI, ASYNCAPI, README = Path("docs/openapi.json"), Path("docs/asyncapi.json"), Path("README.md")
SETTINGS, METRICS = Path("docs/settings.md"), Path("docs/metrics.md")


def openapi() -> dict[str, Any]:
    """What the API serves at `/openapi.json`; no server is reached."""
    return create_app("", Cluster("")).openapi()


def documents(root: Path) -> Iterator[tuple[Path, str]]:
    """Each file below the root of the repository, and its text. Raises: FileNotFoundError without a README.md."""
    http = openapi()
    yield OPENAPI, written(http)
    yield ASYNCAPI, written(asyncapi())
    yield SETTINGS, settings_page()
    yield METRICS, metrics_page()
    yield README, replaced((root / README).read_text(), http)


def written(document: dict[str, Any]) -> str:
    """The same document, the same text."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
