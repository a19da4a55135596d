"""What ingest says about a record that it refuses, in headers beside those that the record came with."""

#: Everything that Trueup itself says about a record; a replay from `usage.rejected` strips these.
PREFIX = "trueup-"
REASON_HEADER = f"{PREFIX}reason"
RULE_HEADER = f"{PREFIX}rule"
TOPIC_HEADER = f"{PREFIX}topic"
PARTITION_HEADER = f"{PREFIX}partition"
OFFSET_HEADER = f"{PREFIX}offset"
CUT_HEADER = f"{PREFIX}cut"
