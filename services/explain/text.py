"""An explanation as text for a terminal: one fact a line, indented under what it belongs to."""

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
STEP = "  "


def lines_of(document: Document) -> Iterator[str]:
    """The explanation line by line."""
    period = " to ".join(str(day) for day in document["servicePeriod"])
    money = f"{document['amount']} {document['currency']}"
    pays = f", pays {document['chargeType']}" if "chargeType" in document else ""
    yield f"{document['lineItemType']} {money}, {period}: {document['description']}{pays}"
    if document["status"] == "PENDING":
        yield f"pending: as of offset {document['positions']['log']} of its log; later usage and terms may change it"
    yield f"rule: {document['rule']}"
    yield f"{document['amount']} = {document['due']} due - {document['billedBefore']} billed before"
    for one in document["earlier"]:
        yield f"{STEP}billed before: {one['amount']} on bill {one['billId']} of {one['billDate']}"
    for part in document["parts"]:
        yield from _part(part)
    yield from _events(document)


def _part(part: Document) -> Iterator[str]:
    yield f"{part['amount']} due:"
    for one in part["adds"]:
        yield f"{STEP}{one['amount']}  {one['what']}"
    for line in _told(part["inputs"], ""):
        yield f"{STEP}{line}"
    for one in part["slices"]:
        yield (
            f"{STEP}slice from {one['start']}: {one['amount']}, credited {one['credited']}, drawn {one['drawn']},"
            f" uncovered {one['uncovered']}"
        )
        for candidate in one["candidates"]:
            yield f"{STEP}{STEP}{_candidate(candidate)}"


def _candidate(candidate: Document) -> str:
    name = f"{candidate['kind']} {candidate['code']}"
    if "drawn" in candidate:
        rest = " of what rolled over" if candidate["rolledOver"] else ""
        return f"{candidate['place']}. {name}: drew {candidate['drawn']}{rest}"
    place = f"{candidate['place']}. " if "place" in candidate else "-  "
    return f"{place}{name}: {candidate['reason']}"


def _told(value: Any, name: str) -> Iterator[str]:
    """Leaves of nested inputs, one a line; an object without others inside on one line."""
    if isinstance(value, Mapping):
        if name and all(not isinstance(member, Mapping | list) for member in value.values()):
            yield f"{name}: " + ", ".join(f"{key} {member}" for key, member in value.items())
            return
        for key, member in value.items():
            yield from _told(member, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(isinstance(member, Mapping) for member in value):
        for place, member in enumerate(value):
            yield from _told(member, f"{name}[{place}]")
    else:
        yield f"{name}: {' to '.join(map(str, value)) if isinstance(value, list) else value}"


def _events(document: Document) -> Iterator[str]:
    yield f"{len(document['events'])} of {document['eventCount']} events:"
    for one in document["events"]:
        adds = ", ".join(str(add["quantity"]) for add in one["adds"])
        yield f"{STEP}{one['id']}  {_place(one)}  {one['ts']}  {one['usageId']}: {adds}"
    yield f"{len(document['terms'])} facts of its terms:"
    for one in document["terms"]:
        yield f"{STEP}{one['id']}  {_place(one)}  {one['type']} {one['resourceId']}"


def _place(one: Document) -> str:
    return f"{one['topic']}/{one['partition']}@{one['offset']}"
