"""What the read models say: the live schema, a family as it is now or was then, and whether all is projected by now.

The bill run, the API, explanations and the audit read through here; none of it acts.
"""
