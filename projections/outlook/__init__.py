"""What is to be expected of commitments and balances: how they burn down and progress, when they run out (rules 11).

All of it derives from settlements as of days; nothing is settled here in a way of its own.
"""

from projections.outlook.burndown import BurnDown, burn_down
from projections.outlook.progress import Progress, progress

__all__ = ["BurnDown", "Progress", "burn_down", "progress"]
