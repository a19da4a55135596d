"""A server of tokens as OAuth has it, for brokers that believe what is not signed."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SECRET = "only the client knows"


@dataclass
class TokenServer:
    """`asked` are the forms that came."""

    url: str
    seconds: float = 300.0
    asked: list[str] = field(default_factory=list)

    def token(self, subject: str) -> str:
        """A JWT without a signature."""
        now = time.time()
        parts: tuple[dict[str, object], ...] = (
            {"alg": "none"},
            {"sub": subject, "iat": now, "exp": now + self.seconds},
        )
        return (
            ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."
        )


@asynccontextmanager
async def token_server(client: str) -> AsyncIterator[TokenServer]:
    """It gives tokens to one client, whose secret is SECRET, and to nobody else."""
    found = TokenServer("")
    right = base64.b64encode(f"{client}:{SECRET}".encode()).decode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(line.split(":")[1] for line in head.splitlines() if line.lower().startswith("content-length"))
        found.asked.append((await reader.readexactly(int(length))).decode())
        status, body = "401 Unauthorized", {"error": "invalid_client"}
        if f"Basic {right}" in head:
            status, body = "200 OK", {"access_token": found.token(client), "expires_in": str(found.seconds)}
        text = json.dumps(body)
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(text)}\r\nconnection: close\r\n\r\n{text}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/token"
    async with server:
        yield found
