"""An API that answers one POST and ends, for `tests/killing.py`."""

import asyncio

from services.api.app import create_app
from services.kafka import Cluster
from services.personal.keyring import Keyring
from tests.api.serving import served
from tests.api_client import TOKEN_SECRET, http_client
from tests.killing import Counted, Work

#: What a command by HTTP goes through.
PLACES = (
    *("services/api/accounts.py", "services/api/commanding.py", "services/api/forgetting.py"),
    *("services/api/grouping.py", "services/store/execute.py", "services/store/idempotency.py"),
    "services/personal/keys.py",
)


def post_once(database_url: str, bootstrap: str, secret: str) -> Work:
    """Makes the API. What comes of a run is the status of its answer. Its words: the organization, a path below it, an
    Idempotency-Key, and the JSON of a body if there is one."""
    app = create_app(database_url, Cluster(bootstrap), token_secret=TOKEN_SECRET, keyring=Keyring(secret))

    async def post(counted: Counted, organization: str, path: str, key: str, body: str = "") -> int:
        headers = {"Idempotency-Key": key, "content-type": "application/json"}
        async with served(app) as url, http_client(f"{url}/organizations/{organization}") as client:
            with counted():
                answer = await client.post(path, content=body, headers=headers)
            return answer.status_code

    return lambda counted, /, *words: asyncio.run(post(counted, *words))
