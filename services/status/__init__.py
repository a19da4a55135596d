"""The state of the whole system: how far each process is, what waits, and what was proved last."""
