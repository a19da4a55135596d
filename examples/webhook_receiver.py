"""Take webhooks: verify that they are Trueup's, take each once, and answer before working on it.

    WEBHOOK_SECRET=whsec_... python examples/webhook_receiver.py          # on 127.0.0.1:8090, or WEBHOOK_PORT

The secret is what POST integrationdestinations/webhooks answered. Ids that were taken are kept in a file of SQLite, in
the transaction that keeps what was said: whatever is killed, each delivery is there once.
"""

import json
import os
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook, WebhookVerificationError

#: Larger ones are nobody's of ours.
BODY_MAX = 8 * 1024 * 1024


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is Trueup's and is kept, 401 to all else. Anything but 200 to 299 is sent again later."""

    secret = ""
    kept = Path("webhooks.db")

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        if not 0 < length <= BODY_MAX:
            self.answer(413)
            return
        body = self.rfile.read(length)
        try:
            event = Webhook(self.secret).verify(body, dict(self.headers.items()))
        except WebhookVerificationError:
            self.answer(401)
            return
        if self.keep(self.headers["webhook-id"], event):
            print(event["type"], event["data"].get("id", ""), flush=True)
        self.answer(204)

    def keep(self, delivery: str, event: dict[str, object]) -> bool:
        """Whether it is new: what is sent twice has the same id."""
        with sqlite3.connect(self.kept) as database:
            database.execute("CREATE TABLE IF NOT EXISTS events (delivery TEXT PRIMARY KEY, event TEXT NOT NULL)")
            new = database.execute(
                "INSERT INTO events VALUES (?, ?) ON CONFLICT DO NOTHING", (delivery, json.dumps(event))
            )
            return new.rowcount == 1

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """What comes is printed once it is kept."""


def main() -> None:
    """Until Ctrl-C."""
    Receiver.secret = os.environ["WEBHOOK_SECRET"]
    Receiver.kept = Path(os.environ.get("WEBHOOK_KEPT", "webhooks.db"))
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("WEBHOOK_PORT", "8090"))), Receiver) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
