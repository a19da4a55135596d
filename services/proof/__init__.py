"""Proofs that the log was not changed, and that records and bills are part of it; a file is enough to check them."""
