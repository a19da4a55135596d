"""Refused usage: listed from `usage.rejected`, read there, and sent into `usage` again."""
