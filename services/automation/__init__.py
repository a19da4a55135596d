"""What automatic rules found is done, once (decision 34)."""
