"""The reasons for refusing a caller. No message tells what an organization has, or whether it exists."""

from services.failures import ExpectedFailure, Passing, Worded


class NotSignedInError(Worded):
    """Authorization: {why}"""

    #: The scheme that would be accepted, for the header `WWW-Authenticate`.
    scheme = "Bearer"


class NoTokenError(NotSignedInError):
    """Authorization: must be Bearer, with a token from /oauth/token"""


class WrongTokenError(NotSignedInError):
    """Authorization: the token is none of this API; ask for one at /oauth/token"""


class ExpiredTokenError(NotSignedInError):
    """Authorization: the token has expired; ask for another one at /oauth/token"""


class RevokedTokenError(NotSignedInError):
    """Authorization: the token's access key was revoked"""


class NoCredentialsSentError(NotSignedInError):
    """Authorization: must be Basic, with an access key id and an API secret"""

    scheme = "Basic"


class WrongCredentialsError(NotSignedInError):
    """Authorization: there is no such access key, or its API secret is another one"""

    scheme = "Basic"


class ForbiddenError(Worded):
    """The caller is known, but may not do this."""


class OtherOrganizationError(ForbiddenError):
    """the access key is not of this organization"""


class MissingScopeError(ForbiddenError):
    """the access key lacks the scope for this: {needed}"""


class AccessUnknownError(Worded, ExpectedFailure, Passing):
    """it is not known yet who may ask: {why}"""
