"""The answer to who is not heard any further: it goes out as bytes, past the app."""

from http import HTTPStatus
from secrets import token_hex

from services.api.wire import encode


def raw_answer(status: int, message: str) -> bytes:
    """A whole answer, and the connection's last."""
    body = encode({"message": message})
    headers = {
        "content-type": "application/json",
        "content-length": len(body),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-correlation-id": token_hex(8),
        "connection": "close",
        **({"retry-after": 1} if status == 503 else {}),
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
