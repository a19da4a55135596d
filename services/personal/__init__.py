"""Personal data of accounts: kept under a key per account, shown to who may read, and forgotten with the key."""
