"""Usage corrected by its id: an event is found in the log, and a fact behind it takes it out or changes it."""
