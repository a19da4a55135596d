"""Ingest: usage as publishers send it becomes `UsageRated` in the log, or stands in `usage.rejected` with its reason.

Read `handler` (the order of a poll), then `batch` (one record's way), then what these name.
"""
