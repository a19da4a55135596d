"""An explanation as text for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.tree import Tree

Document = Mapping[str, Any]


def tree_of(document: Document) -> Tree:
    """The explanation as a tree."""
    period = " to ".join(str(day) for day in document["servicePeriod"])
    money = f"{document['amount']} {document['currency']}"
    root = Tree(f"{document['lineItemType']} {money}, {period}: {document['description']}", highlight=True)
    root.add(document["rule"])
    for part in document["parts"]:
        _add_part(root.add(f"{part['amount']} due"), part)
    earlier = root.add(f"{document['due']} due in all, less {document['billedBefore']} billed before")
    for one in document["earlier"]:
        earlier.add(f"{one['amount']} on bill {one['billId']} of {one['billDate']}")
    _add_events(root, document)
    return root


def _add_part(tree: Tree, part: Document) -> None:
    for one in part["adds"]:
        tree.add(f"{one['amount']}  {one['what']}")
    inputs = tree.add("inputs")
    for line in _told(part["inputs"], ""):
        inputs.add(line)
    for one in part["slices"]:
        branch = tree.add(
            f"slice from {one['start']}: {one['amount']}, credited {one['credited']}, drawn {one['drawn']},"
            f" uncovered {one['uncovered']}"
        )
        for candidate in one["candidates"]:
            branch.add(_candidate(candidate))


def _candidate(candidate: Document) -> str:
    name = f"{candidate['kind']} {candidate['code']}"
    if "drawn" in candidate:
        rest = " of what rolled over" if candidate["rolledOver"] else ""
        return f"{candidate['place']}. {name}: drew {candidate['drawn']}{rest}"
    place = f"{candidate['place']}. " if "place" in candidate else ""
    return f"{place}{name}: {candidate['reason']}"


def _told(value: Any, name: str) -> Iterator[str]:
    """Leaves of nested inputs, one a line; short lists on one line."""
    if isinstance(value, Mapping):
        if all(not isinstance(member, Mapping | list) for member in value.values()):
            yield f"{name}: " + ", ".join(f"{key} {member}" for key, member in value.items())
            return
        for key, member in value.items():
            yield from _told(member, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(isinstance(member, Mapping) for member in value):
        for place, member in enumerate(value):
            yield from _told(member, f"{name}[{place}]")
    else:
        yield f"{name}: {' to '.join(map(str, value)) if isinstance(value, list) else value}"


def _add_events(root: Tree, document: Document) -> None:
    events = root.add(f"{len(document['events'])} of {document['eventCount']} events")
    for one in document["events"]:
        adds = ", ".join(str(add["quantity"]) for add in one["adds"])
        place = f"{one['topic']}/{one['partition']}@{one['offset']}"
        events.add(f"{one['id']}  {place}  {one['ts']}  {one['usageId']}: {adds}")
    terms = root.add(f"{len(document['terms'])} facts of its terms")
    for one in document["terms"]:
        terms.add(f"{one['id']}  {one['topic']}/{one['partition']}@{one['offset']}  {one['type']} {one['resourceId']}")
