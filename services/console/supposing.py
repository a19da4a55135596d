"""A "what if" question as an address and a form express it: which terms of which resources differ.

An address names the changed resources, `commitment=<id>`, at most one of each kind, and their changed terms,
`commitment.amount=1000`; a blank term is to be removed. Terms that it does not name stay as they are. So a stored
question still means the same after other terms were amended. This module calls nothing and computes nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from events.absent import only_given
from events.dates import read_moment
from projections.calendar import named_day
from services.console.supposable import BAND, BANDS, Sort, SupposableKind, is_of
from services.console.typed import NUMBER_RULE, number_of
from services.console.wording import words

#: The form of the API's refusals: the document, its field, and the rule.
_DOCUMENT = re.compile(r"^([A-Za-z]+)\[0\]: (.*)$", re.DOTALL)
_FIELD = re.compile(r"^([A-Za-z]+)(?:\[(\d+)\](?:\.([A-Za-z]+))?)?: (.*)$", re.DOTALL)


@dataclass(slots=True)
class Field:
    """A field of the form: the stored value and the typed one, as texts; blank: no value."""

    key: str
    label: str
    sort: Sort
    stored: str
    text: str
    hint: str = ""
    problem: str = ""

    @property
    def is_changed(self) -> bool:
        """Whether the typed value differs from the stored one."""
        if self.sort == "number" and self.stored:
            number = number_of(self.text)
            return number is None or number != Decimal(self.stored)
        return self.text != self.stored

    @property
    def value(self) -> Any:
        """The typed value as the API takes it; None: none. A text that is not a number is noted in `problem`."""
        if not self.text:
            return None
        if self.sort == "flag":
            return self.text == "true"
        if self.sort == "number":
            number = number_of(self.text)
            if number is None:
                self.problem = NUMBER_RULE
            return number
        return self.text


@dataclass(slots=True)
class Subject:
    """A resource with its stored terms, and the terms of the question."""

    kind: SupposableKind
    stored: dict[str, Any]
    fields: dict[str, Field]
    #: For each group of bands, the form's rows that are in the question.
    rows: dict[str, list[int]]

    @property
    def changed(self) -> list[Field]:
        """The fields that differ from the stored terms."""
        return [field for field in self.fields.values() if field.is_changed]

    def document(self) -> dict[str, Any]:
        """The document that the API is asked to suppose: the stored one with the changes."""
        document = dict(self.stored)
        for term in self.kind.terms:
            field = self.fields.get(f"{self.kind.name}.{term.name}")
            if field is not None and field.is_changed:
                document[term.name] = field.value
        for group, name in BANDS.items():
            if any(field.key.startswith(f"{self.kind.name}.{group}-") for field in self.changed):
                document[name] = self._bands(group, name)
        return only_given(document)

    def _bands(self, group: str, name: str) -> list[dict[str, Any]] | None:
        """The bands of all rows that are not blank."""
        bands_now, bands = self.stored.get(name) or [], []
        self.rows[group] = []
        for index in range(len(bands_now) + 1):
            row = {member: self.fields[f"{self.kind.name}.{group}-{index}-{member}"] for member in BAND}
            if any(field.text for field in row.values()):
                before = bands_now[index] if index < len(bands_now) else {}
                band = before | {member: field.value for member, field in row.items()}
                bands.append(only_given(band))
                self.rows[group].append(index)
        return bands or None

    def note(self, told: str) -> str:
        """Put each error of the API beside its field; returns the errors that belong to no field."""
        rest: list[str] = []
        field: Field | None = None
        for piece in told.split("; "):
            named = _FIELD.match(piece)
            called = self._named(named) if named else None
            if named is not None and called is not None:
                field = called
                field.problem = named[4]
            elif named is None and field is not None:  # the rest of a rule that contains a semicolon itself
                field.problem += f"; {piece}"
            else:
                rest.append(piece)
        return "; ".join(rest)

    def _named(self, named: re.Match[str]) -> Field | None:
        name, index, member = named[1], named[2], named[3] or BAND[0]
        for group, of in BANDS.items():
            if name == of and (rows := self.rows.get(group)):
                row = rows[int(index)] if index is not None and int(index) < len(rows) else rows[0]
                return self.fields.get(f"{self.kind.name}.{group}-{row}-{member}")
        return self.fields.get(f"{self.kind.name}.{name}")


def subject_of(kind: SupposableKind, document: dict[str, Any], query: Mapping[str, str], zone: str) -> Subject:
    """The subject of a question in an address; `document` is the API's document of the resource, days are days of the
    zone.
    """
    made = (*_terms(kind, document, query, zone), *_band_fields(kind, document, query))
    return Subject(kind, document, {field.key: field for field in made}, {})


def _terms(kind: SupposableKind, document: dict[str, Any], query: Mapping[str, str], zone: str) -> Iterator[Field]:
    for term in kind.terms:
        if kind.name != "commitment" or is_of(term.name, document):
            key, text = f"{kind.name}.{term.name}", _text(document.get(term.name), term.sort, zone)
            yield Field(key, words(term.name), term.sort, text, query.get(key, text), term.hint)


def _band_fields(kind: SupposableKind, document: dict[str, Any], query: Mapping[str, str]) -> Iterator[Field]:
    """The existing bands, and a row for one more. Overage bands only if there are some already."""
    if kind.name != "pricing":
        return
    for group, name in BANDS.items():
        bands = document.get(name) or []
        for index in range(len(bands) + 1) if bands else ():
            for member in BAND:
                key = f"{kind.name}.{group}-{index}-{member}"
                text = _text(bands[index].get(member) if index < len(bands) else None, "number", "UTC")
                label = f"{words(group)} {index + 1}: {words(member).lower()}"
                hint = "one more" if index == len(bands) else ""
                yield Field(key, label, "number", text, query.get(key, text), hint)


def _text(value: Any, sort: Sort, zone: str) -> str:
    """A term as the form shows it."""
    if value is None:
        return ""
    if sort == "flag":
        return "true" if value else "false"
    if sort == "date":
        return _day(value, zone)
    return f"{Decimal(value):f}"


def _day(value: Any, zone: str) -> str:
    """The day that a date or date-time of the API names (rules 2.7)."""
    return named_day(read_moment(value), zone).isoformat()


def refusal(subjects: list[Subject], message: str) -> str:
    """Put the API's refusal beside the fields that it names; returns the rest of the message."""
    match = _DOCUMENT.match(message)
    subject = next((subject for subject in subjects if match and subject.kind.listed == match[1]), None)
    return message if match is None or subject is None else subject.note(match[2])
