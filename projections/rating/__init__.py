"""Rating: from quantities by day to charges, before draws, caps and top-ups (rules 3)."""
