"""How the whole system stands: how far everybody is, who waits, what was proved last."""
