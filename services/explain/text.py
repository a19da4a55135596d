"""An explanation as text for a terminal: one fact a line, indented under its parent."""

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
STEP = "  "


def lines_of(document: Document) -> Iterator[str]:
    """The lines for a terminal from the answer of GET `explain`."""
    period = " to ".join(str(day) for day in document["servicePeriod"])
    money = f"{document['amount']} {document['currency']}"
    pays = f", pays {document['chargeType']}" if "chargeType" in document else ""
    yield f"{document['lineItemType']} {money}, {period}: {document['description']}{pays}"
    if document["status"] == "PENDING":
        yield f"pending: as of offset {document['positions']['log']} of its log; later usage and terms may change it"
    yield f"rule: {document['rule']}"
    yield f"{document['amount']} = {document['due']} due - {document['billedBefore']} billed before"
    for earlier in document["earlier"]:
        yield f"{STEP}billed before: {earlier['amount']} on bill {earlier['billId']} of {earlier['billDate']}"
    for part in document["parts"]:
        yield from _part(part)
    yield from _events(document)


def _part(part: Document) -> Iterator[str]:
    yield f"{part['amount']} due:"
    for addition in part["adds"]:
        yield f"{STEP}{addition['amount']}  {addition['what']}"
    for line in _told(part["inputs"], ""):
        yield f"{STEP}{line}"
    for slice in part["slices"]:
        yield (
            f"{STEP}slice from {slice['start']}: {slice['amount']}, credited {slice['credited']},"
            f" drawn {slice['drawn']}, uncovered {slice['uncovered']}"
        )
        for candidate in slice["candidates"]:
            yield f"{STEP}{STEP}{_candidate(candidate)}"


def _candidate(candidate: Document) -> str:
    name = f"{candidate['kind']} {candidate['code']}"
    if "drawn" in candidate:
        rest = " of what rolled over" if candidate["rolledOver"] else ""
        return f"{candidate['place']}. {name}: drew {candidate['drawn']}{rest}"
    order = f"{candidate['place']}. " if "place" in candidate else "-  "
    return f"{order}{name}: {candidate['reason']}"


def _told(value: Any, name: str) -> Iterator[str]:
    """The leaves of nested inputs, one a line; an object without nested objects is one line."""
    if isinstance(value, Mapping):
        if name and all(not isinstance(member, Mapping | list) for member in value.values()):
            yield f"{name}: " + ", ".join(f"{key} {member}" for key, member in value.items())
            return
        for key, member in value.items():
            yield from _told(member, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(isinstance(member, Mapping) for member in value):
        for index, member in enumerate(value):
            yield from _told(member, f"{name}[{index}]")
    else:
        yield f"{name}: {' to '.join(map(str, value)) if isinstance(value, list) else value}"


def _events(document: Document) -> Iterator[str]:
    yield f"{len(document['events'])} of {document['eventCount']} events:"
    for event in document["events"]:
        adds = ", ".join(str(add["quantity"]) for add in event["adds"])
        yield f"{STEP}{event['id']}  {_where(event)}  {event['ts']}  {event['usageId']}: {adds}"
    if document["corrected"]:
        yield f"{len(document['corrected'])} events corrected:"
    for event in document["corrected"]:
        said = f"{_said(event['was'])} -> {_said(event['now'])}" if "now" in event else _said(event["was"])
        why = f": {event['reason']}" if "reason" in event else ""
        yield (
            f"{STEP}{event['status']}  {event['id']}  {_where(event)}  {event['ts']}  {event['usageId']}: {said},"
            f" by {event['createdBy']}{why}"
        )
    yield f"{len(document['terms'])} facts of its terms:"
    for term in document["terms"]:
        yield f"{STEP}{term['id']}  {_where(term)}  {term['type']} {term['resourceId']}"


def _said(fields: Document) -> str:
    return " ".join(f"{code}={value}" for code, value in fields.items()) or "nothing"


def _where(at: Document) -> str:
    return f"{at['topic']}/{at['partition']}@{at['offset']}"
