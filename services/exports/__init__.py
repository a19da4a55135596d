"""Billing data as files for a warehouse and for accounting: bill lines, and a journal of them.

Read `reading` first: why nothing is missed, and nothing comes twice.
"""
