"""Reads the body of POST measurements fast, and names every wrong item.

msgspec reads a body that keeps the limits. In any other body each item is read again by its model (`measurement`),
which names every wrong field and its rule.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec

from events.decimals import MAX_WHOLE_DIGITS, parse_decimal, read_decimal
from events.resources.base import CODE_MAX, is_plain
from events.resources.bounds import MANY, TEXT_MAX, USAGE_TEXT_MAX
from projections.not_json import NOT_JSON
from services.api.measurement import ITEMS_MAX, UID_MAX, Measurement, time_of
from services.api.statuses import RefusedItemsError
from services.commands.bodies import parse_model
from services.commands.refused import CommandError, InvalidBody, InvalidField, shortened
from services.ingest.cloudevent import MAX_SOURCE_LENGTH
from services.ingest.json_text import check_names
from services.refusals.refusal import Refused

_CodeText = Annotated[str, msgspec.Meta(min_length=1, max_length=CODE_MAX)]
_Name = Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
_UsageText = Annotated[str, msgspec.Meta(max_length=USAGE_TEXT_MAX)]
_Numbers = Annotated[dict[_Name, Any], msgspec.Meta(max_length=MANY)]
_Texts = Annotated[dict[_Name, _UsageText], msgspec.Meta(max_length=MANY)]


class Item(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The fast form of `Measurement`. Numbers are ints, or the exact text of a fraction."""

    account: _CodeText
    meter: _CodeText
    ts: str
    uid: Annotated[str, msgspec.Meta(min_length=1, max_length=UID_MAX)] | None = None
    ets: str | None = None
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SOURCE_LENGTH)] | None = None
    measure: _Numbers | None = None
    cost: _Numbers | None = None
    income: _Numbers | None = None
    who: _Texts | None = None
    what: _Texts | None = None
    where: _Texts | None = None
    other: _Texts | None = None
    metadata: _Texts | None = None


class _Items(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    measurements: list[Item]


class _Raws(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    measurements: list[msgspec.Raw]


def _as_written(text: str) -> msgspec.Raw:
    """A number with a fraction as its exact text. Raises: ValueError if the log cannot hold it."""
    if len(text) > MAX_WHOLE_DIGITS or "e" in text or "E" in text:
        parse_decimal(text)
    return msgspec.Raw(text.encode())


_decode = msgspec.json.Decoder(_Items, float_hook=_as_written).decode
_decode_raws = msgspec.json.Decoder(_Raws).decode
_decode_any = msgspec.json.Decoder(float_hook=read_decimal).decode
_WHOLE_LIMIT = 10**MAX_WHOLE_DIGITS
#: Strings in a body: "measurements"; and in each item its three required names with their values.
_STRINGS, _ITEM_STRINGS = 1, 6


def read_items(raw: bytes) -> list[Item]:
    """The items of a body, with times as ingest reads them.

    Raises: RefusedItemsError, naming every wrong item; InvalidField for a fault that is not about single items.
    """
    try:
        items = _decode(raw).measurements
    except NOT_JSON as error:
        raise _explained(raw, error) from None
    if not 1 <= len(items) <= ITEMS_MAX:
        raise InvalidField(field="measurements", rule=f"must have 1 to {ITEMS_MAX} items, not {len(items)}")
    try:
        strings = sum([_checked(item) for item in items])
    except ValueError as error:
        raise _explained(raw, error) from None
    if raw.count(b'"') != 2 * (_STRINGS + strings):
        try:
            check_names(raw)
        except Refused as refused:
            raise _explained(raw, refused) from None
    return items


def _checked(item: Item) -> int:
    """Check the item's times and numbers. Returns its number of strings, names and texts together. Raises:
    ValueError.
    """
    if not is_plain(item.account):
        raise ValueError("account")
    item.ts, strings = time_of(item.ts), _ITEM_STRINGS
    if item.ets is not None:
        item.ets, strings = time_of(item.ets), strings + 2
    if item.uid is not None:
        strings += 2
    if item.source is not None:
        strings += 2
    for numbers in (item.measure, item.cost, item.income):
        if numbers is not None:
            strings += 1 + len(numbers)
            for value in numbers.values():
                if type(value) is int:
                    if not -_WHOLE_LIMIT < value < _WHOLE_LIMIT:
                        raise ValueError("a whole number")
                elif type(value) is not msgspec.Raw:
                    raise ValueError("a number")
    for texts in (item.who, item.what, item.where, item.other, item.metadata):
        if texts is not None:
            strings += 1 + 2 * len(texts)
    return strings


def _explained(raw: bytes, error: Exception) -> CommandError:
    """The refusal of a body that could not be read, by item if it has items."""
    try:
        raws = _decode_raws(raw).measurements
    except NOT_JSON as whole:
        return InvalidField(field="body", rule=f'must be JSON, {{"measurements": [...]}}: {whole}')
    if not 1 <= len(raws) <= ITEMS_MAX:
        return InvalidField(field="measurements", rule=f"must have 1 to {ITEMS_MAX} items, not {len(raws)}")
    faults = list(_faults(raws))
    return RefusedItemsError(faults) if faults else InvalidField(field="body", rule=str(error))


def _faults(raws: Sequence[msgspec.Raw]) -> Iterator[tuple[int, str]]:
    """The wrong items, by index, each with all its faults."""
    for index, raw in enumerate(raws):
        try:
            check_names(bytes(raw))
            document = _decode_any(raw)
            parse_model(Measurement, document)
            for name in set(document) - set(Item.__struct_fields__):
                yield index, f"{shortened(name)}: is not a field of this resource"
        except Refused as refused:
            yield index, refused.rule
        except InvalidBody as invalid:
            yield index, str(invalid)
        except NOT_JSON as error:
            yield index, f"must be JSON: {error}"
