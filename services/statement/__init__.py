"""Statements: a bill as a file, for people, spreadsheets and accounting systems."""
