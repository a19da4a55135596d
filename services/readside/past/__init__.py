"""A family as it was: folded exactly to given positions of the log and the catalog, without later records."""

from services.readside.past.family import PastFamily, load_past, past_of

__all__ = ["PastFamily", "load_past", "past_of"]
