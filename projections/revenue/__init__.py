"""What bill lines are worth to accounting: in which months they are earned, and which accounts they move."""
