"""Records in our topics that are none of ours: listed, and acknowledged once somebody has looked (decision 28)."""
