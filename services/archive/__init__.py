"""`trueup archive` and `trueup restore`: the log and `usage` as files that survive the loss of every server.

Only Kafka's records are kept: except for access keys, Postgres holds nothing that does not follow from the log. Read
`manifest` (what is kept), `pieces` (how records become files), `archiver`, `verifying`, then `restoring`.
"""
