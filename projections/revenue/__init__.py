"""Bill lines in accounting: the months in which they are earned, and the ledger accounts that they move."""
