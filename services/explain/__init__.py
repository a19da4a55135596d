"""Explain: a line of a bill, from the log as it was when the bill was settled, down to single events."""
