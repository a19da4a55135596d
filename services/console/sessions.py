"""Sessions of visitors: the cookie with a token, forms that only the console's own pages can send, and safe redirects.

There is no store of sessions. The cookie holds the token that the API gives for an access key; it ends by itself, or
with its key, and every process can read it.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from services.failures import Worded

COOKIE = "trueup_console"
#: The field of every form that changes something.
FORM_TOKEN = "form_token"
#: Most bytes of a form: ours have only a few short fields.
FORM_BYTES = 64 * 1024
_NO_FIELDS: dict[str, str] = {}


class ForeignFormError(Worded):
    """this form was not sent by a page of this console: open the page again, and send it from there"""


class FormTooLargeError(Worded):
    """the form is larger than {limit} bytes"""


@dataclass(frozen=True, slots=True)
class Base:
    """The path of the console: `/console`, after any prefix of a proxy."""

    path: str

    @classmethod
    def of(cls, request: Request) -> "Base":
        """The path that this request was sent to."""
        return cls(str(request.scope.get("root_path", "")))

    def is_own(self, target: str) -> bool:
        """Whether the target is a page of the console, and not of another site, however it is written."""
        if not target.startswith(f"{self.path}/") or any(ord(letter) < 33 or letter == "\\" for letter in target):
            return False
        parts = urlsplit(target)
        folders = unquote(parts.path).split("/")  # browsers take %2e%2e as the way to the folder above, too
        return not parts.scheme and not parts.netloc and ".." not in folders and "//" not in parts.path


def token_of(request: Request) -> str | None:
    """The token in the visitor's cookie."""
    return request.cookies.get(COOKIE)


def keep(response: Response, request: Request, token: str, seconds: int) -> None:
    """Store the token in the browser's cookie for its lifetime, where no script can read it."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=seconds,
        path=Base.of(request).path,
        secure=not is_plain_loopback(request),
        httponly=True,
        samesite="strict",
    )


def forget(response: Response, request: Request) -> None:
    """Delete the cookie in the browser."""
    secure = not is_plain_loopback(request)
    response.delete_cookie(COOKIE, path=Base.of(request).path, secure=secure, httponly=True, samesite="strict")


def is_plain_loopback(request: Request) -> bool:
    """Whether the browser came without TLS to this very machine: only then may the cookie travel unencrypted."""
    if request.url.scheme != "http":
        return False
    host = request.url.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def form_token(token: str) -> str:
    """The secret field of this session's forms. It cannot be made without the cookie, which no other site can read."""
    return hmac.new(token.encode(), b"a form of the console", sha256).hexdigest()


def check_same_site(request: Request) -> None:
    """Check that the form comes from a page of this origin, by the browser's headers. Raises: ForeignFormError."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForeignFormError
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise ForeignFormError


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; of several with one name the last one. Raises: FormTooLargeError."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            raise FormTooLargeError(limit=FORM_BYTES)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000))
    except ValueError:
        return _NO_FIELDS


def check_form(form: dict[str, str], token: str) -> None:
    """Check that the form belongs to this session. Raises: ForeignFormError."""
    if not hmac.compare_digest(form.get(FORM_TOKEN, "").encode(), form_token(token).encode()):
        raise ForeignFormError
