"""Alerts: which rules of an organization hold for its settled families, for which subjects, and since which arming.

Pure: the same settlement, rules and raised alerts always give the same alerts to raise (decision 33).
"""
