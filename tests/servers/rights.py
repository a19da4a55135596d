"""The rights that docs/servers.md lists, as ACLs: who reads the page and gives these has given enough."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.servers.secured_kafka import Right

PAGE = Path(__file__).parent.parent.parent / "docs" / "servers.md"


def documented(prefix: str = "") -> Iterator[Right]:
    """One for each principal, operation and name of the page's table."""
    table = PAGE.read_text().partition("<!-- rights:")[2].partition("<!-- end of rights -->")[0]
    for line in table.splitlines()[3:]:
        who, may, what = line.strip("| ").split(" | ")
        kind = {"topics": "topic", "groups": "group"}[what.split()[0]]
        for principal in re.findall(r"`([^`]+)`", who):
            for operation in may.split(", "):
                for name in re.findall(r"`([^`]+)`", what):
                    yield Right(principal, operation.replace("_", "").lower(), kind, prefix + name)


def everything(principal: str, prefix: str) -> Iterator[Right]:
    """What one principal needs for all that has this prefix."""
    for kind in ("topic", "group"):
        operations = {right.operation for right in documented() if right.kind == kind}
        yield from (Right(principal, operation, kind, prefix, "prefixed") for operation in sorted(operations))
