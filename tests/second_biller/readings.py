"""Where the rules can be read in two ways: the reading taken, in one place."""

#: 4.1 and 6 say that a negative slice "first takes away from the earlier slices", and not what becomes of the rest.
#: True: the rest takes away from the later ones, so that no more is drawn, or counted, than the charge. False: nothing.
NEGATIVE_REST_TAKES_FROM_LATER = False

#: 6 says "in arrears: at its end, the last at endDate", and that a fee "follows the dates of that one billing period".
#: They part when the last fee's period ends before endDate. True: the first sentence holds. False: the second.
LAST_FEE_IN_ARREARS_AT_END_DATE = False

#: 7 credits an account below zero in a pool at the first band's unit price, and does not say to which slices.
#: True: as its own quantity goes below zero, so that nobody is charged in a slice in which nothing was used. False: the
#: whole of it from the first slice on.
POOL_CREDIT_GROWS_WITH_ITS_QUANTITY = True

#: 2.8: an empty term "holds on no day". Of an account plan that may mean that it starts on none, so that it
#: takes no child out of the pool and fixes no commitment period (True), or only that it rates nothing (False).
EMPTY_ACCOUNT_PLANS_ARE_NONE = True

#: 6 takes the grid of commitment periods from the account plan "attached when the commitment is made". True: one that
#: shares a day with the commitment's term. False: any that exists, were it over long before.
ATTACHED_IS_IN_THE_TERM = True

#: 6.8 takes the grid of commitment periods from "the one account plan attached". True: a child that has none takes its
#: parent's, which rates it. False: it has none, so monthly from startDate.
A_CHILD_WITHOUT_PLANS_HAS_ITS_PARENTS = True

#: 3 bills in advance "of two nested ones the plan's less its pricings'". True: less those of its pricings that are
#: billed in arrears too, since they will be paid. False: less those only that are billed in advance themselves.
PLAN_IN_ADVANCE_LESS_PRICINGS_IN_ARREARS = True

#: 5 and 7: what overage bands charge a pool "is divided by what each account has left uncovered". False: all of it by
#: all that is left uncovered in the billing period. True: slice by slice.
OVERAGE_BANDS_DIVIDE_BY_SLICE = True
