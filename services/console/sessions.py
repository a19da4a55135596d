"""Who visits: the cookie that holds a token, forms that only its own pages send, and ways back that lead nowhere else.

There is no store of sessions. The cookie has the very token that the API gives for an access key, which ends by itself
and with its key; every process reads it.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from services.failures import Worded

COOKIE = "trueup_console"
#: The field of every form that changes something.
FORM_TOKEN = "form_token"
#: Bytes of a form: none of ours has more than a few short fields.
FORM_BYTES = 64 * 1024
_NO_FIELDS: dict[str, str] = {}


class ForeignFormError(Worded):
    """this form was not sent by a page of this console: open the page again, and send it from there"""


class FormTooLargeError(Worded):
    """the form is larger than {limit} bytes"""


@dataclass(frozen=True, slots=True)
class Base:
    """Where the console stands: `/console`, with whatever a proxy puts before it."""

    path: str

    @classmethod
    def of(cls, request: Request) -> "Base":
        """The one that this request was sent to."""
        return cls(str(request.scope.get("root_path", "")))

    def is_own(self, target: str) -> bool:
        """Whether it is a page of the console, and of no other site, however it is spelled."""
        if not target.startswith(f"{self.path}/") or any(ord(letter) < 33 or letter == "\\" for letter in target):
            return False
        parts = urlsplit(target)
        return not parts.scheme and not parts.netloc and ".." not in parts.path.split("/") and "//" not in parts.path


def token_of(request: Request) -> str | None:
    """The token that the visitor's cookie has."""
    return request.cookies.get(COOKIE)


def keep(response: Response, request: Request, token: str, seconds: int) -> None:
    """Have the browser keep the token for as long as it lasts, out of any script's reach."""
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
    """Have the browser drop it."""
    secure = not is_plain_loopback(request)
    response.delete_cookie(COOKIE, path=Base.of(request).path, secure=secure, httponly=True, samesite="strict")


def is_plain_loopback(request: Request) -> bool:
    """Whether the browser came without TLS, to this very machine: only there may a cookie travel so."""
    if request.url.scheme != "http":
        return False
    host = request.url.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def form_token(token: str) -> str:
    """What the forms of this session bear. Nobody makes it without the cookie, which no other site can read."""
    return hmac.new(token.encode(), b"a form of the console", sha256).hexdigest()


def check_same_site(request: Request) -> None:
    """A form comes from a page of this very origin, as the browser says. Raises: ForeignFormError."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ForeignFormError
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise ForeignFormError


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, the last one of each name. Raises: FormTooLargeError."""
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
    """The form is one of this session's. Raises: ForeignFormError."""
    if not hmac.compare_digest(form.get(FORM_TOKEN, "").encode(), form_token(token).encode()):
        raise ForeignFormError
