"""The HTTP API in m3ter's wire shape: commands and queries. It has no rules of its own: it reads requests, calls the
rules, and words their answers.
"""
