"""Statements: a bill as a file, for people, for spreadsheets and for accounting."""
