"""Proof that the log was not changed, and of single records and bills in it, for whoever has nothing but a file."""
