"""Reads the bytes of a request's body: of a media type that the path accepts, gzipped or not, within a size limit."""

import re
import zlib
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.requests import Request

from services.commands.refused import shortened
from services.failures import Worded

BODY_BYTES_MAX = 1024 * 1024
#: Most members of a gzip body. Each costs time, however small it is.
MEMBERS_MAX = 64
_CHARSET = re.compile(r"""charset\s*=\s*"?([^\s";]*)""", re.IGNORECASE)
#: UTF-8, and its subset ASCII.
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
    """Check that the request's media type, if it states one, is among these. Without a body the type is ignored.

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
    """The body, decompressed. Raises: BodyTooLargeError, before a body over the limit is held whole;
    UnsupportedEncodingError, BrokenEncodingError.
    """
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
    """The decompressed part of a gzip body, up to the limit."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, bytearray()
        self._member, self._members = zlib.decompressobj(_GZIP), 1

    def take(self, packed: bytes) -> None:
        """Decompress the next bytes, at most one byte beyond the limit. Raises: BodyTooLargeError,
        BrokenEncodingError.
        """
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
        """The whole body. Raises: BrokenEncodingError if it is incomplete."""
        if not self._member.eof:
            raise BrokenEncodingError
        return bytes(self._held)
