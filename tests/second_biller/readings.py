"""Where the rules can be read in two ways: the reading taken, in one place."""

#: 4.1 and 6 say that a negative slice "first takes away from the earlier slices", and not what becomes of the rest.
#: True: the rest takes away from the later ones, so that no more is drawn, or counted, than the charge. False: nothing.
NEGATIVE_REST_TAKES_FROM_LATER = False

#: 6 says "in arrears: at its end, the last at endDate", and that a fee "follows the dates of that one billing period".
#: They part when the last fee's period ends before endDate. True: the first sentence holds. False: the second.
LAST_FEE_IN_ARREARS_AT_END_DATE = False
