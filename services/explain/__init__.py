"""Explain: the derivation of a bill's line, from the log as of the bill's settlement, down to single events."""
