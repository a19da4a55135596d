"""Where the examples find Trueup, who they are there, and how they ask it.

Environment variables say so; their defaults fit `trueup up --port 8080`, which writes into its home where Kafka and
Postgres are, and the key that it has made. The names are those that m3ter's own clients read. For a shell, and whatever
is started in it:

    eval "$(python examples/connection.py)"
"""

import json
import os
import shlex
import ssl
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

HOME = Path(os.environ.get("TRUEUP_HOME", ".trueup"))


def kept(file: str) -> dict[str, Any]:
    """What a JSON file of the home says; nothing if it is not there."""
    path = HOME / file
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


_KEYS = kept("keys.json")
_OWN = _KEYS.get("key", {})
BASE_URL = os.environ.get("M3TER_BASE_URL", "http://127.0.0.1:8080")
ORGANIZATION = os.environ.get("M3TER_ORG_ID") or _OWN.get("organizationId", "local")
# Another organization is opened by the operator's key, for that opens every one.
_KEY = _OWN if _OWN.get("organizationId") == ORGANIZATION else _KEYS.get("operator") or _OWN


def access_key() -> tuple[str, str]:
    """Its id and its secret."""
    id = os.environ.get("M3TER_API_KEY") or _KEY.get("accessKeyId")
    secret = os.environ.get("M3TER_API_SECRET") or _KEY.get("apiSecret")
    if not (id and secret):
        raise SystemExit(f"no access key in {HOME}: start `trueup up`, or set M3TER_API_KEY and M3TER_API_SECRET")
    return id, secret


def kafka_options() -> dict[str, Any]:
    """What a client of Kafka is told: addresses, and by the names of Trueup's own settings, TLS and a password."""
    protocol = os.environ.get("TRUEUP_KAFKA_SECURITY_PROTOCOL") or "PLAINTEXT"
    options: dict[str, Any] = {
        "bootstrap_servers": os.environ.get("TRUEUP_KAFKA_BOOTSTRAP") or _of_the_running_stack("kafka_bootstrap"),
        "security_protocol": protocol,
    }
    if protocol.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=os.environ.get("TRUEUP_KAFKA_CA_FILE") or None)
    if protocol.startswith("SASL"):
        file = os.environ.get("TRUEUP_KAFKA_PASSWORD_FILE")
        password = Path(file).read_text().rstrip("\r\n") if file else os.environ.get("TRUEUP_KAFKA_PASSWORD")
        options |= {
            "sasl_mechanism": os.environ["TRUEUP_KAFKA_SASL_MECHANISM"],
            "sasl_plain_username": os.environ["TRUEUP_KAFKA_USERNAME"],
            "sasl_plain_password": password,
        }
    return options


def kafka_topic(name: str) -> str:
    """A topic as the cluster has it: several installations may share one."""
    return os.environ.get("TRUEUP_KAFKA_TOPIC_PREFIX", "") + name


def database_url() -> str:
    """Trueup's Postgres. An example keeps tables of its own there; a service has a database of its own."""
    return os.environ.get("TRUEUP_DATABASE_URL") or _of_the_running_stack("database_url")


def _of_the_running_stack(name: str) -> str:
    found = kept("stack.json").get(name)
    if found is None:
        raise SystemExit(f"no stack runs in {HOME}: start `trueup up`, or set TRUEUP_{name.upper()}")
    return str(found)


class Api:
    """The organization over HTTP, with a token that was asked for once: it holds for five hours."""

    def __init__(self) -> None:
        self._http = httpx.Client(base_url=f"{BASE_URL}/organizations/{ORGANIZATION}/", timeout=60)
        token = self._done(
            self._http.post(f"{BASE_URL}/oauth/token", auth=access_key(), json={"grant_type": "client_credentials"})
        )
        self._http.headers["authorization"] = f"Bearer {token['access_token']}"

    def get(self, path: str, **query: str) -> Any:
        """What a GET answers. Numbers are exact: an amount never passes through a float."""
        return self._done(self._http.get(path, params=query))

    def pages(self, path: str, **query: str) -> list[dict[str, Any]]:
        """Everything that a list has, however many pages it takes."""
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"nextToken": ""}
        while "nextToken" in page:
            more = {"nextToken": page["nextToken"]} if page["nextToken"] else {}
            page = self.get(path, **query, **more)
            found += page["data"]
        return found

    def _done(self, answer: httpx.Response) -> Any:
        if answer.status_code != httpx.codes.OK:
            raise SystemExit(f"{answer.request.url} answered {answer.status_code}: {answer.text}")
        return json.loads(answer.text, parse_float=Decimal)


def main() -> None:
    """Print the settings for a shell to take."""
    id, secret = access_key()
    found = {"M3TER_BASE_URL": BASE_URL, "M3TER_ORG_ID": ORGANIZATION, "M3TER_API_KEY": id, "M3TER_API_SECRET": secret}
    for name, value in found.items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
