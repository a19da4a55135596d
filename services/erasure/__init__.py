"""The commands of whoever operates the database: forget an account, change the key that keys are encrypted with."""
