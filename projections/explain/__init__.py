"""Explain: why a bill line is what it is, to the last minor unit (rules 3 to 8).

An explanation is told from the very settlement that made the line. Its parts add up to what is due, and what is due
less what earlier bills charged is the line's amount: `Explanation.adds_up` says so, and tests ask it of every line.
"""

from projections.explain.explain import explain_line
from projections.explain.parts import Add, Explanation, Part, UsageRef

__all__ = ["Add", "Explanation", "Part", "UsageRef", "explain_line"]
