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
    """Makes the API; what it answers with is the status."""
    app = create_app(database_url, Cluster(bootstrap), token_secret=TOKEN_SECRET, keyring=Keyring(secret))

    async def post(counted: Counted, organization: str, path: str, key: str) -> int:
        async with served(app) as url, http_client(f"{url}/organizations/{organization}") as client:
            with counted():
                answer = await client.post(path, headers={"Idempotency-Key": key})
            return answer.status_code

    return lambda counted, /, *words: asyncio.run(post(counted, *words))
