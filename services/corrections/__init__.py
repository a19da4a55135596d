"""Usage corrected by its id: an event is found in the log, and a later fact voids or amends it."""
