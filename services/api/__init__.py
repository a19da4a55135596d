"""HTTP in m3ter's wire shape: commands and queries. It has no rules of its own: it reads, calls the rules, and words
the answer.
"""
