"""The observability of a process: its metrics, and whether it makes progress."""
