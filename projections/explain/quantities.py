"""Quantities of usage charges in explanations: an aggregation's by day, a formula's with what went in (rules 3.19)."""

from projections.explain.parts import Document, number
from projections.measures import Compound, CompoundState, Day, Worked
from projections.rating.pools import Pool
from projections.rating.terms import Series


def aggregation_document(series: Series) -> Document:
    """What is priced: an aggregation with its function, or a compound aggregation with the aggregations it names."""
    measure = series.measure
    if isinstance(measure, Compound):
        of = [{"id": one.id, "code": one.code, "function": one.function} for one in measure.sources]
        document: Document = {"id": series.compound_id, "name": series.aggregation_name, "aggregations": of}
    else:
        document = {"id": series.aggregation_id, "name": series.aggregation_name, "function": series.function}
    return document | {"quantityPerUnit": number(series.quantity_per_unit), "rounding": series.rounding}


def day_document(series: Series, one: Day) -> Document:
    """A day's quantity, of a formula's aggregations each; on a day that is not held another pricing holds, or none."""
    document: Document = {"day": one.day}
    if isinstance(series.measure, Compound):
        assert isinstance(one.state, CompoundState)
        document["values"] = _values(series.measure.worked_out(one.state))
    else:
        document["quantity"] = number(series.measure.value(one.state))
    document["records"] = one.state.records
    return document if one.held else document | {"onlyFillsTiers": True}


def formula_document(pool: Pool) -> Document:
    """Of a compound aggregation: its value at the end of the charge's days, what went in, and why it is 0 where it
    could not be worked out. Nothing of a single aggregation."""
    measure = pool.series.measure
    if not isinstance(measure, Compound):
        return {}
    held = [one.state for one in pool.days if one.day < pool.end]
    state = measure.merge_all([*([pool.base] if pool.base else []), *held])  # type: ignore[list-item]
    if state is None:
        return {}
    worked = measure.worked_out(state)
    document: Document = {"values": _values(worked), "value": number(worked.value)}
    return {"calculation": document | ({"undefined": worked.why} if worked.why else {})}


def _values(worked: Worked) -> Document:
    """By code; without an aggregation that has no usage and no defaultValue."""
    return {code: number(one) for code, one in worked.values.items() if one is not None}
