"""The entities of a scenario, with the defaults of the scenarios' README, in an order in which they can be created."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from pydantic.alias_generators import to_snake

from events.dates import LATEST, read_day
from services.commands.kind import ANSWERED, InnerList, InStories, WhenNamed
from services.commands.table import KINDS
from services.simulate.naming_fields import only_of, parent_field, parent_of, reference_fields, references
from services.simulate.player import WrittenEntity, nameless
from services.simulate.yaml_lines import Mapping as Lines
from services.simulate.yaml_lines import ScenarioError

#: The lists of the top level and of `create`, in the order of creation: an entity comes after those that it refers to.
LISTS = {f"{kind.name}s": kind.name for kind in KINDS.values() if kind.in_stories is not None}
_DATE = re.compile(r"^(\d{4}-\d\d-\d\d)([T ].*)?$")


def earliest_date(document: Any) -> date | None:
    """The earliest date anywhere in the file; None without any. Epochs do not count, because they only anchor billing
    periods.
    """
    if isinstance(document, dict):
        days = [earliest_date(value) for key, value in document.items() if not key.endswith("Epoch")]
    elif isinstance(document, list):
        days = [earliest_date(item) for item in document]
    else:
        return _date_in(document) if isinstance(document, str) else None
    return min((day for day in days if day is not None), default=None)


def _date_in(text: str) -> date | None:
    """The date that a text begins with; None if it has none. Whether the text is valid is checked where it is used."""
    match = _DATE.match(text)
    try:
        return read_day(match[1]) if match else None
    except ValueError:
        return None


class Entities:
    """Turns the lists of a scenario into documents. It remembers codes, so an entity that is only named is made
    once.
    """

    def __init__(self, currency: str, earliest: date) -> None:
        self._currency, self._earliest = currency, earliest
        self._known: set[tuple[str, str]] = set()
        self._parents: dict[tuple[str, str], str] = {}
        self._count = 0

    def documents(self, lists: Mapping[str, Any]) -> list[WrittenEntity]:
        """The entities of these lists, in the order of `LISTS`, and within a list in the file's order. Raises:
        ScenarioError.
        """
        by_kind: dict[str, list[WrittenEntity]] = {kind: [] for kind in LISTS.values()}
        for name, kind in LISTS.items():
            for entry in _entries(lists, name):
                self._expand(kind, entry, by_kind)
        for kind, documents in by_kind.items():
            parent = parent_field(kind)
            documents.sort(key=lambda document: parent in document.fields)
        for made in self._only_named([document for documents in by_kind.values() for document in documents]):
            by_kind[made.kind].append(made)
        return [document for documents in by_kind.values() for document in documents]

    def refused(self, lists: Mapping[str, Any]) -> list[WrittenEntity]:
        """Entities whose creation is expected to fail: a later step may use their codes. Raises: ScenarioError."""
        known = self._known.copy()
        documents = self.documents(lists)
        self._known = known
        return documents

    def _expand(self, kind: str, entry: Lines, by_kind: dict[str, list[WrittenEntity]]) -> None:
        """Add the documents of one entry: itself, the entries inside it, and the entities that it implies."""
        check_fields(kind, entry)
        row, inner = _row(kind), _row(kind).inner
        left_out = (*row.read_otherwise, *((inner.name,) if inner else ()))
        fields = {name: value for name, value in entry.items() if name not in left_out}
        code = self._code(kind, entry)
        if (parent := parent_of(kind, entry)) is not None:
            self._parents[kind, code] = parent
        if row.made_beside is not None:
            fields = self._beside(kind, row.made_beside, code, entry, fields, by_kind)
        by_kind[kind].append(WrittenEntity(kind, code, entry.line, self._filled(kind, code, fields)))
        if inner is not None:
            for element in _inner_entries(kind, code, entry, inner):
                self._expand(inner.kind, element, by_kind)

    def _code(self, kind: str, entry: Lines) -> str:
        code = entry.get("code")
        if code is None and _is_named(kind):
            raise ScenarioError(entry.line, f"{kind}.code", "is required")
        if code is None:
            self._count += 1
            return nameless(self._count)
        if not isinstance(code, str):
            raise ScenarioError(entry.line_of("code"), f"{kind}.code", "must be text (put it in quotes)")
        if (kind, code) in self._known:
            raise ScenarioError(entry.line_of("code"), f"{kind}.code", f"{code} stands twice")
        self._known.add((kind, code))
        return code

    def _beside(
        self,
        kind: str,
        other: str,
        code: str,
        entry: Lines,
        fields: dict[str, Any],
        by_kind: dict[str, list[WrittenEntity]],
    ) -> dict[str, Any]:
        """The entry's own fields. Its fields that belong to the other kind make an entity of that kind with the same
        code, unless the entry names an existing one.
        """
        [name] = (name for name, (_, to) in reference_fields(kind).items() if to == other)
        of_other = {field: fields.pop(field) for field in list(fields) if field in only_of(other, kind)}
        named = fields[name] = fields.get(name) or code
        if (other, named) not in self._known:
            self._known.add((other, named))
            required = KINDS[other].model.model_fields
            for field, (wire, _) in reference_fields(other).items():
                if required[to_snake(wire)].is_required():
                    of_other.setdefault(field, code)
            by_kind[other].append(WrittenEntity(other, named, entry.line, self._filled(other, named, of_other)))
        elif of_other:
            field = next(iter(of_other))
            raise ScenarioError(entry.line_of(field), f"{kind}.{field}", f"belongs to {other} {named}")
        return fields

    def _filled(self, kind: str, code: str, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields, completed with plain defaults for members that the API requires."""
        row, model = _row(kind), KINDS[kind].model.model_fields
        defaults: dict[str, Any] = {"code": code, "name": code} if _is_named(kind) else {}
        if row.begins_with_file:
            defaults["startDate"] = self._earliest.isoformat()
        if "currency" in model and model["currency"].is_required():
            defaults["currency"] = self._currency
        for name, value in row.defaults.items():
            defaults[name] = value.format(code=code) if isinstance(value, str) else value
        return with_band_defaults({**defaults, **fields})

    def _only_named(self, documents: Iterable[WrittenEntity]) -> Iterator[WrittenEntity]:
        """Entities that are named somewhere without an entry of their own, of kinds that are then created."""
        for document in documents:
            for kind, code in references(document.kind, document.fields):
                row = _row(kind).made_when_named
                if row is not None and (kind, code) not in self._known:
                    self._known.add((kind, code))
                    fields = self._of_namer(kind, row, document)
                    yield WrittenEntity(kind, code, document.line, self._filled(kind, code, fields))

    def _of_namer(self, kind: str, row: WhenNamed, document: WrittenEntity) -> dict[str, Any]:
        """The fields that an entity without an entry takes from the document that names it."""
        fields: dict[str, Any] = {}
        if row.of_parent is not None:
            _, to = reference_fields(kind)[row.of_parent]
            named = document.fields.get(row.of_parent)
            fields[row.of_parent] = self._parents.get((to, str(named)), named)
        if row.lasts:
            fields["startDate"] = self._earliest.isoformat()
            end = min(self._earliest.replace(year=self._earliest.year + 50, day=1), LATEST)
            fields["endDate"] = end.isoformat()
        return fields


def _row(kind: str) -> InStories:
    row = KINDS[kind].in_stories
    assert row is not None, "a kind that a file has a list of, or that stands inside or is named by one"
    return row


def _is_named(kind: str) -> bool:
    """Whether entities of this kind need a code: those that have a name in the API."""
    return "name" in KINDS[kind].model.model_fields


def _inner_entries(kind: str, code: str, entry: Lines, inner: InnerList) -> Iterator[Lines]:
    """The entries inside an entry, each with the outer entry's code. Raises: ScenarioError."""
    entries = entry.get(inner.name)
    if entries is not None and not isinstance(entries, list):
        raise ScenarioError(entry.line, f"{kind} {code}", f"its {inner.kind}s must be a list")
    for inner_entry in entries or ():
        if not isinstance(inner_entry, Lines):
            raise ScenarioError(entry.line, f"{kind} {code}", f"its {inner.kind}s must be mappings")
        yield inner_entry.beside(inner.field, code)


def _entries(lists: Mapping[str, Any], name: str) -> list[Lines]:
    entries = lists.get(name)
    line = lists.line_of(name) if isinstance(lists, Lines) else 1
    if entries is None:
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, Lines) for entry in entries):
        raise ScenarioError(line, name, "must be a list of mappings")
    return entries


def check_fields(kind: str, fields: Lines) -> None:
    """Check that no field is one that only answers have, and that references are codes (or lists of codes), not ids.

    Raises: ScenarioError.
    """
    row = KINDS[kind].in_stories
    for name, untold in row.never if row is not None else ():
        if fields.get(name) == untold:
            raise ScenarioError(fields.line_of(name), f"{kind}.{name}", f"{untold} is about what no story has")
    for name in (*ANSWERED, *KINDS[kind].derived):
        if name in fields:
            raise ScenarioError(fields.line_of(name), f"{kind}.{name}", "is told by answers, not by a story")
    lists = {field for field, _ in KINDS[kind].reference_lists}
    for name, (wire, to) in reference_fields(kind).items():
        if wire in fields:
            raise ScenarioError(fields.line_of(wire), f"{kind}.{wire}", f"no file has ids; write {name}, and codes")
        problem = _wrong_reference(fields.get(name), to, is_list=wire in lists)
        if problem is not None:
            raise ScenarioError(fields.line_of(name), f"{kind}.{name}", problem)


def _wrong_reference(value: Any, to: str, *, is_list: bool) -> str | None:
    """What is wrong with a reference to one or several entities of kind `to`; None if nothing is."""
    codes = value if isinstance(value, list) else [value]
    named = all(isinstance(code, str) and code for code in codes)
    if value is None or (named and isinstance(value, list) == is_list):
        return None
    return f"must be a list of codes of {to}s" if is_list else f"must name one {to} by its code, a text"


def with_band_defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, with plain defaults in every pricing band; also for an update."""
    filled = dict(fields)
    for name in ("pricingBands", "overagePricingBands"):
        if isinstance(filled.get(name), list):
            filled[name] = [
                {"lowerLimit": 0, "fixedPrice": 0, "unitPrice": 0, **band} if isinstance(band, dict) else band
                for band in filled[name]
            ]
    return filled
