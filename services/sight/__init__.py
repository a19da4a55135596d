"""What a process lets be seen of itself: its numbers, and whether it gets on with its work."""
