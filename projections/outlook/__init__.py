"""Outlooks: how commitments and balances burn down and progress, and when they run out (rules 11).

Everything derives from settlements as of days; this package has no settlement of its own.
"""

from projections.outlook.burndown import BurnDown, burn_down
from projections.outlook.progress import Progress, progress

__all__ = ["BurnDown", "Progress", "burn_down", "progress"]
