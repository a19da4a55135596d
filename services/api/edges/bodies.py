"""The bytes of a request's body: of a kind that its path takes, packed or not, and never more than may be held."""

import re
import zlib
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.requests import Request

from services.commands.refused import shortened
from services.failures import Worded

BODY_BYTES_MAX = 1024 * 1024
#: Parts that gzip may be put together from. Each costs time, however little is in it.
MEMBERS_MAX = 64
_CHARSET = re.compile(r"""charset\s*=\s*"?([^\s";]*)""", re.IGNORECASE)
#: UTF-8, and what is a part of it.
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii"})
_GZIP = 16 + zlib.MAX_WBITS


class BodyTooLargeError(Worded):
    """body: is larger than {limit} bytes"""


class UnsupportedMediaError(Worded):
    """Content-Type: must be {wanted}, not {given}"""


class UnsupportedEncodingError(Worded):
    """Content-Encoding: must be gzip or none at all, not {given}"""


class BrokenEncodingError(Worded):
    """body: is not whole gzip, as its Content-Encoding says"""


def check_media(headers: Headers, media: Collection[str]) -> None:
    """What is sent must not say that it is of another type than these; where nothing is sent, a type says nothing.

    Raises: UnsupportedMediaError.
    """
    given = headers.get("content-type", "")
    if (
        not given
        or given in media
        or ("transfer-encoding" not in headers and headers.get("content-length", "0") == "0")
    ):
        return
    kind, _, parameters = given.partition(";")
    charset = _CHARSET.search(parameters)
    if kind.strip().lower() in media and (charset is None or charset[1].lower() in _UTF8):
        return
    wanted = f"{' or '.join(media)} in UTF-8" if charset else " or ".join(media)
    raise UnsupportedMediaError(wanted=wanted, given=shortened(given))


async def body_of(request: Request, limit: int = BODY_BYTES_MAX) -> bytes:
    """The body's bytes, unpacked. Raises: BodyTooLargeError before it is held whole, UnsupportedEncodingError,
    BrokenEncodingError."""
    headers = request.headers
    if int(headers.get("content-length", 0)) > limit:
        raise BodyTooLargeError(limit=limit)
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise UnsupportedEncodingError(given=shortened(encoding))
    body, unpacked = bytearray(), _Unpacked(limit) if encoding.endswith("gzip") else None
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLargeError(limit=limit)
        if unpacked is not None:
            unpacked.take(chunk)
    return bytes(body) if unpacked is None or not body else unpacked.whole()


class _Unpacked:
    """What gzip unpacks to, as far as it may be held."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, bytearray()
        self._member, self._members = zlib.decompressobj(_GZIP), 1

    def take(self, packed: bytes) -> None:
        """Unpack no more of it than tells that it is too large. Raises: BodyTooLargeError, BrokenEncodingError."""
        while packed:
            if self._member.eof:
                self._next()
            try:
                self._held += self._member.decompress(packed, self._limit + 1 - len(self._held))
            except zlib.error:
                raise BrokenEncodingError from None
            if len(self._held) > self._limit:
                raise BodyTooLargeError(limit=self._limit)
            packed = self._member.unused_data

    def _next(self) -> None:
        self._members += 1
        if self._members > MEMBERS_MAX:
            raise BrokenEncodingError
        self._member = zlib.decompressobj(_GZIP)

    def whole(self) -> bytes:
        """All of it. Raises: BrokenEncodingError if there was to be more."""
        if not self._member.eof:
            raise BrokenEncodingError
        return bytes(self._held)
