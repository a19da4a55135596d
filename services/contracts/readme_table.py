"""The table of paths in the main README, made from the OpenAPI document: a line for each path, sorted by resource."""

from typing import Any

from services.api.scopes import PREFIX

BEGIN, END = "<!-- paths: made by `make contracts` -->", "<!-- end of paths -->"
_HEAD = ("| path | methods | what |", "|---|---|---|")
#: In the order in which a resource lives through them.
_METHODS = ("post", "get", "put", "delete")


def table(document: dict[str, Any]) -> str:
    """Two tables in Markdown: the paths below an organization, without their common beginning, and all other paths.

    `document`: the OpenAPI document.
    """
    rows = sorted(_row(path, methods) for path, methods in document["paths"].items())
    below = [line for is_below, _, line in rows if is_below]
    others = [line for is_below, _, line in rows if not is_below]
    return "\n".join([f"Below `{PREFIX}`:", "", *_HEAD, *below, "", "At the root:", "", *_HEAD, *others])


def replaced(text: str, document: dict[str, Any]) -> str:
    """The README `text` with the table between BEGIN and END replaced. Raises: ValueError if a mark is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no place for the table: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table(document)}\n{END}{after}"


def _row(path: str, methods: dict[str, Any]) -> tuple[bool, tuple[str, str], str]:
    """Of a path: whether it is below an organization; its resource and path, for sorting; and its line in the table."""
    [tag, *_] = next(iter(methods.values()))["tags"]
    shown_methods = [method for method in _METHODS if method in methods]
    what = "; ".join(_lower(methods[method]["summary"]) for method in shown_methods)
    shown = path.removeprefix(PREFIX)
    line = f"| `{shown}` | {', '.join(method.upper() for method in shown_methods)} | {what} |"
    return path.startswith(PREFIX), (tag, shown), line


def _lower(sentence: str) -> str:
    """The sentence with a small first letter, to follow a semicolon."""
    return sentence[:1].lower() + sentence[1:]
