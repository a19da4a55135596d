"""`trueup archive` and `trueup restore`: the log and `usage` as files that outlive every server.

Postgres holds nothing that the log does not, but access keys; what Kafka holds is kept here. Read `manifest` (what is
kept), `pieces` (how records are files), `archiver`, `verifying`, then `restoring`.
"""
