"""Explain: the derivation of a bill line, to the last minor unit (rules 3 to 8).

An explanation comes from the very settlement that made the line. Its parts add up to the due amount, and the due amount
less earlier bills is the line's amount: `Explanation.adds_up` says so, and tests check every line.
"""

from projections.explain.explain import explain_line
from projections.explain.parts import Add, Explanation, LinePart, UsageRef

__all__ = ["Add", "Explanation", "LinePart", "UsageRef", "explain_line"]
