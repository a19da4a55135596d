"""How large a record of our topics may be, with its batch around it."""

MIB = 1024 * 1024
#: What the setting may be: batches of this size are written whatever it is, and no Kafka is asked for more.
RECORD_BYTES_LEAST, RECORD_BYTES_MOST = MIB, 64 * MIB
