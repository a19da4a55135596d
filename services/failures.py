"""The root of errors that a person can mend: their message is whole, so they are printed without a traceback."""


class ExpectedFailure(Exception):
    """Something outside the program is wrong; the message says what, where, and what was tried."""
