"""Schedules of balances in rows of `store.entities`: all their terms, and in a balance's row its deleted schedules."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from events.resources.base import Resource
from projections.entities import ScheduleEntity, ScheduleTerm
from services.commands.schedule_rules import SCHEDULES
from services.commands.table import KINDS

_MODELS = {KINDS[name].model.__name__: KINDS[name].model for name in SCHEDULES}


def extra_of_terms(schedule: ScheduleEntity[Any]) -> dict[str, Any]:
    """The data in a schedule's row beside its body."""
    return {"terms": [(term.start.isoformat(), _told(term.body)) for term in schedule.terms]}


def terms_in(extra: Mapping[str, Any], model: type[Resource]) -> tuple[ScheduleTerm, ...]:
    """The terms that the row of a schedule has."""
    return tuple(ScheduleTerm(date.fromisoformat(start), _read(model, body)) for start, body in extra["terms"])


def extra_of_schedules(schedules: Iterable[ScheduleEntity[Any]]) -> dict[str, Any]:
    """The deleted schedules in a balance's row; empty if there are none."""
    schedules_ended = [_extra_of(schedule) for schedule in schedules]
    return {"schedules": schedules_ended} if schedules_ended else {}


def _extra_of(schedule: ScheduleEntity[Any]) -> dict[str, Any]:
    assert schedule.ended is not None
    return {
        "model": type(schedule.body).__name__,
        "id": schedule.id,
        "version": schedule.version,
        "body": _told(schedule.body),
        "position": schedule.position,
        "folded": schedule.folded,
        "created": schedule.created.isoformat(),
        "modified": schedule.modified.isoformat(),
        "created_by": schedule.created_by,
        "modified_by": schedule.modified_by,
        "ended": schedule.ended.isoformat(),
        **extra_of_terms(schedule),
    }


def schedules_in(extra: Mapping[str, Any]) -> tuple[ScheduleEntity[Any], ...]:
    """The schedules that the row of a balance has."""
    return tuple(_schedule(row) for row in extra.get("schedules", ()))


def _schedule(row: Mapping[str, Any]) -> ScheduleEntity[Any]:
    model = _MODELS[row["model"]]
    body: Any = _read(model, row["body"])
    return ScheduleEntity(
        id=row["id"],
        version=row["version"],
        body=body,
        position=row["position"],
        folded=row["folded"],
        created=datetime.fromisoformat(row["created"]),
        modified=datetime.fromisoformat(row["modified"]),
        created_by=row["created_by"],
        modified_by=row["modified_by"],
        terms=terms_in(row, model),
        ended=date.fromisoformat(row["ended"]),
    )


def _told(body: Resource) -> Any:
    return json.loads(body.model_dump_json(by_alias=True, exclude_unset=True))


def _read(model: type[Resource], document: Any) -> Any:
    return model.model_validate(document)
