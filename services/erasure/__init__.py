"""Commands for the database's operator: forget an account, and change the key that encrypts the accounts' keys."""
