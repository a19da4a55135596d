"""How what is sent twice is known again, and for how long (decisions 3 and 11)."""

#: A usage record is known by who sent which id (organization, account, source, id), and told from another one under the
#: same id by its content: hashes of so many bytes, one behind the other in the digest of `UsageRated`.
ID_HASH_BYTES = 12
CONTENT_HASH_BYTES = 4
DIGEST_BYTES = ID_HASH_BYTES + CONTENT_HASH_BYTES

#: Days for which it is: of log time for usage, of the store's clock for a request with an Idempotency-Key.
WINDOW_DAYS = 35
