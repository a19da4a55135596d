"""Rating: from quantities by day to charges, before anything is drawn, capped or topped up (rules 3)."""
