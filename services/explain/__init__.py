"""Explain: a line of an issued bill, from the log as it was when the bill was settled, down to single events."""
