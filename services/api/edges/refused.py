"""What is refused at the edges, before anybody asks what a request is about."""

from math import ceil

from services.failures import Worded


class BodyTooLargeError(Worded):
    """body: is larger than {limit} bytes"""


class UnsupportedMediaError(Worded):
    """Content-Type: must be {wanted}, not {given}"""


class UnsupportedEncodingError(Worded):
    """Content-Encoding: must be gzip or none at all, not {given}"""


class BrokenEncodingError(Worded):
    """body: is not whole gzip, as its Content-Encoding says"""


class TooManyRequestsError(Worded):
    """organization {organization} asks more than {rate} times a second; try again in {seconds} s"""

    def __init__(self, wait: float, **values: object) -> None:
        #: Whole seconds after which it is worth while to ask again.
        self.seconds = max(1, ceil(wait))
        super().__init__(seconds=self.seconds, **values)


class TooManyAttemptsError(TooManyRequestsError):
    """too many wrong credentials; try again in {seconds} s"""
