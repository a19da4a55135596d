"""Bodies and answers of `dataexports`."""

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from events.resources.base import Day, Id, Model, check_days
from events.resources.bounds import MANY, TABLE, Text, items
from projections.revenue.journal import Chart
from services.api.shown import Shown


class AdhocExport(Model):
    """POST dataexports/adhoc. OPERATIONAL: bill lines between the watermarks `since` and `until`, by default all up to
    now; or a JOURNAL of them, by the accounts of `chart`, which closes prepayments that are over by `closedDate` (by
    default today). USAGE: totals of usage on days from `startDate` until before `endDate`. JOURNAL, `chart`,
    `closedDate`, `since`, `until`, `startDate` and `exportFileFormat` are extensions.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"sourceType": "OPERATIONAL", "operationalDataTypes": ["BILL_LINE_ITEMS"]}]}
    )

    source_type: Literal["OPERATIONAL", "USAGE"]
    operational_data_types: (
        Annotated[tuple[Literal["BILL_LINE_ITEMS", "JOURNAL"], ...], Field(min_length=1, max_length=1)] | None
    ) = None
    since: Text | None = None
    until: Text | None = None
    chart: Chart | None = None
    closed_date: Day | None = None
    account_ids: Annotated[tuple[Id, ...], items(TABLE)] | None = None
    meter_ids: Annotated[tuple[Id, ...], items(MANY)] | None = None
    start_date: Day | None = None
    end_date: Day | None = None
    export_file_format: Literal["CSV", "PARQUET"] | None = None

    @model_validator(mode="after")
    def _of_the_one_or_the_other(self) -> Self:
        is_usage = self.source_type == "USAGE"
        if not is_usage and self.operational_data_types is None:
            raise ValueError("operationalDataTypes: is required with sourceType OPERATIONAL")
        lines, usage = (
            ("operational_data_types", "since", "until", "chart", "closed_date"),
            ("account_ids", "meter_ids", "start_date", "end_date"),
        )
        for name in lines if is_usage else usage:
            if getattr(self, name) is not None:
                raise ValueError(f"{to_camel(name)}: does not go with sourceType {self.source_type}")
        for name in ("chart", "closed_date"):
            if getattr(self, name) is not None and not self.is_journal:
                raise ValueError(f"{to_camel(name)}: is of a JOURNAL")
        if self.closed_date is not None and self.until is not None:
            raise ValueError("closedDate: does not go with until, which says up to which day a journal closes")
        if self.start_date is not None and self.end_date is not None:
            check_days(self.start_date, self.end_date)
        return self

    @property
    def is_journal(self) -> bool:
        """Whether a journal is requested."""
        return "JOURNAL" in (self.operational_data_types or ())


class AdhocAnswer(Shown):
    """The id of the job that writes the file."""

    job_id: str


class ExportJobAnswer(Shown):
    """An export. `since`, `until`, `chart`, `exportFileFormat`, `rows`, `message` (why there is no file) and
    `fileRemovedAt` (when the file was removed, having been kept long enough) are extensions.
    """

    id: str
    version: int
    status: Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED"]
    source_type: Literal["OPERATIONAL", "USAGE"]
    operational_data_types: tuple[str, ...] | None = None
    export_file_format: Literal["CSV", "PARQUET"]
    since: str | None = None
    until: str | None = None
    chart: Chart | None = None
    account_ids: tuple[str, ...] | None = None
    meter_ids: tuple[str, ...] | None = None
    start_date: date | None = None
    end_date: date | None = None
    rows: int | None = None
    message: str | None = None
    date_created: datetime
    started_at: datetime | None = None
    created_by: str
    file_removed_at: datetime | None = None


class ExportUrl(Shown):
    """The address of the file, without a token."""

    url: str
    expiration_time: datetime
