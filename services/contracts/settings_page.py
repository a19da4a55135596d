"""docs/settings.md: a line for every setting that the environment can give, made from the class that reads them."""

from collections.abc import Iterable, Iterator
from typing import Any

from services.run.server_settings import PREFIX, KafkaSettings, PostgresSettings
from services.run.settings import Settings

_HEAD = """# Settings
<!-- made by `make contracts` from services/run/settings.py -->

Environment variables, read once at a process's start; one that is empty is not given. A wrong one stops the start with
a line that names it, the rule and the value; so does one that is missing beside others, or contradicts them. No value
of a secret is ever told. Every secret may stand in a file instead, which the setting of the same name with `_FILE`
names: the end of its last line is no part of it. [servers.md](servers.md) shows how the servers that people have are
reached by them. OpenTelemetry's own variables, `OTEL_...`, say whether and where traces are sent
([operation.md](operation.md), "Traces").
"""
_COLUMNS = ("| setting | value | unless set | what it means |", "|---|---|---|---|")


def settings_page() -> str:
    """The text of docs/settings.md."""
    servers = (KafkaSettings.model_fields, PostgresSettings.model_fields)
    rest = [name for name in Settings.model_fields if not any(name in fields for fields in servers)]
    groups = (("Kafka", servers[0]), ("Postgres", servers[1]), ("All else", rest))
    return "\n".join([_HEAD, *(line for title, names in groups for line in _group(title, names))])


def _group(title: str, names: Iterable[str]) -> Iterator[str]:
    settings = Settings.model_json_schema()["properties"]
    yield from (f"## {title}", *_COLUMNS)
    for name in names:
        setting = settings[name]
        cells = (
            f"`{PREFIX}{name.upper()}`",
            _value(setting),
            _default(setting),
            " ".join(setting["description"].split()),
        )
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
    yield ""


def _value(schema: dict[str, Any]) -> str:
    """The values that a setting may have, in words."""
    plain = next((form for form in schema.get("anyOf", [schema]) if form.get("type") != "null"), schema)
    if "enum" in plain:
        return ", ".join(f"`{value}`" for value in plain["enum"])
    match plain.get("format"), plain.get("type"):
        case "password", _:
            return "secret"
        case "path", _:
            return "path"
        case _, "integer":
            return f"{plain['minimum']:,} to {plain['maximum']:,}"
        case _, "boolean":
            return "`true`, `false`"
    return "text"


def _default(schema: dict[str, Any]) -> str:
    value = schema.get("default")
    if value is None or value == "":
        return "-"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
