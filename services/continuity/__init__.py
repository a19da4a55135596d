"""Has time gone back? A topic made anew or a database restored would let readers take new records for old ones.

Everything rests on numbers that only grow (decision 5). What is found to break them is named, with what to do,
by every process at its start and while it runs, and nothing goes on over it (decision 26). Read `breaks` (what may be
found), `memory` (what was known), `check` (the comparison), then `guard` (when it is made).
"""
