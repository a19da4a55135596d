"""What goes wrong outside the program: what a person can mend, and what passes by itself."""


class ExpectedFailure(Exception):
    """Something outside the program is wrong; the message says what, where, and what was tried.

    The message is whole, so it is printed without a traceback.
    """


class Passing(Exception):
    """A server is away, or another process is behind. Whatever was in memory or on the way is dropped and begun anew.

    This is the one thing that a worker survives. The rooms of Postgres and Kafka raise it for whatever a connection
    raises, so nobody else needs to know what that may be; all else is a bug or a broken log, and ends the process.
    """
