"""Billing data as files for a warehouse and for accounting: bill lines, a journal of them, and usage.

Read `reading` first: it says why no line is missed, and none comes twice.
"""
