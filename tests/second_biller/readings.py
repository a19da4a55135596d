"""Where the rules can be read in two ways: the reading taken, in one place."""

import os

#: 4.1 and 6: what is left of a negative slice after the earlier ones takes away from the later ones.
NEGATIVE_REST_TAKES_FROM_LATER = not os.environ.get("SB_NOCARRY")

#: 6: "in arrears: at its end, the last at endDate", also where the last fee's period ends before endDate.
LAST_FEE_IN_ARREARS_AT_END_DATE = not os.environ.get("SB_LASTATEND")
