"""Finds topics that were made anew and databases that were restored: readers would take new records for old ones.

Everything rests on sequences and offsets that only grow (decision 5). Where one has gone back, every process finds it,
at its start and while it runs, names it with what to do, and stops (decision 26). Read `services/breaks.py` (what may
be found), `memory` (what was known), `check` (the comparison), then `guard` (when it is made).
"""
