"""Ingest: usage as publishers send it becomes `UsageRated` in the log, or stands in `usage.rejected` with its reason.

Read `handler` (the order of a poll) first, then `batch` (the path of one record), then the modules they use.
"""
