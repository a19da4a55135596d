"""The live player's connections, usable from code that is not asynchronous: HTTP calls about one organization of a
running API, with exact numbers, and Kafka, to publish usage and to read refused usage.
"""

import asyncio
import json
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec
from aiokafka.errors import KafkaConnectionError, KafkaError

from events.topics import HELD_HEADER, RULE_HEADER, USAGE, USAGE_REJECTED
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster, KafkaUnreachableError, LogReader, new_producer
from services.simulate.player import RefusedError, UsageRecord

TIMEOUT_SECONDS = 90.0
#: Statuses of the client's errors that are no judgement of the step.
_NO_JUDGEMENT = (401, 403, 408, 429)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class ApiFailedError(Worded, ExpectedFailure):
    """{method} {url} {what}"""

    def __init__(self, method: str, url: object, what: str) -> None:
        super().__init__(method=method, url=url, what=what)


class LiveOrganization:
    """Calls to the API below one organization's path."""

    def __init__(self, client: httpx.Client, organization: str) -> None:
        self.id, self._client = organization, client

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The answer's document. Raises: RefusedError with the answer's message if the API refuses, else
        ApiFailedError.
        """
        content = None if body is None else _ENCODER.encode(body)
        answer = self._request(method, path, content=content, params=query, headers=_JSON)
        document = _parsed(answer)
        if answer.status_code == 200 and document is not None:
            return document
        message = document.get("message") if isinstance(document, dict) else None
        if message is None or (answer.status_code == 404 and str(message).startswith("there is no /")):
            what = f"answered {answer.status_code}, and not as Trueup's API does: is this its address?"
            raise ApiFailedError(method, answer.url, what)
        if 400 <= answer.status_code < 500 and answer.status_code not in _NO_JUDGEMENT:
            raise RefusedError(str(message))
        raise ApiFailedError(method, answer.url, f"answered {answer.status_code}: {message}")

    def text(self, path: str) -> str:
        """The text of a file. Raises: ApiFailedError."""
        answer = self._request("GET", path)
        if answer.status_code != 200:
            raise ApiFailedError("GET", answer.url, f"answered {answer.status_code}: {answer.text}")
        return answer.text

    def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        url = f"/organizations/{self.id}/{path}"
        try:
            return self._client.request(method, url, **more)
        except httpx.HTTPError as error:
            raise ApiFailedError(method, self._client.base_url.join(url), f"got no answer: {error}") from error


_JSON = {"content-type": "application/json"}


def _parsed(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content, parse_float=Decimal)
    except ValueError:
        return None


def cloud_event(organization: str, record: UsageRecord) -> bytes:
    """The CloudEvent of a usage record, as a publisher sends it."""
    data: dict[str, Any] = {"meter": record.meter, **record.values}
    if record.ets is not None:
        data["ets"] = record.ets
    event = {
        "specversion": "1.0",
        "id": record.uid,
        "source": record.source,
        "type": "trueup.usage",
        "subject": record.account,
        "time": record.ts,
        "organization": organization,
        "data": data,
    }
    return _ENCODER.encode(event)


T = TypeVar("T")
WAIT_SECONDS = 60.0


class KafkaFailedError(Worded, ExpectedFailure):
    """Kafka at {cluster} did not {what}: {cause}"""

    def __init__(self, cluster: Cluster, what: str, cause: object) -> None:
        super().__init__(cluster=cluster, what=what, cause=cause)


class UsagePipe:
    """A producer and a reader of Kafka, on an event loop in a separate thread; several players may share it.

    The loop always runs, because aiokafka keeps its connections alive only while its loop does.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="usage-pipe", daemon=True)
        self._stack = AsyncExitStack()
        self._producer: Any = None
        self._reader: Any = None
        self._partitions: tuple[int, ...] = ()
        self._reading: Any = None

    def __enter__(self) -> Self:
        """Connect. Raises: KafkaUnreachableError."""
        self._thread.start()
        try:
            self._do("connect", self._open())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def publish(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Append (key, value) records to `usage` in their order, and wait until they are durable. Raises:
        KafkaFailedError.
        """
        self._do("take usage", self._publish(records))

    def end_of_refused(self) -> Mapping[int, int]:
        """The next offset of each partition of `usage.rejected`. Raises: KafkaFailedError."""
        return self._do("tell where usage.rejected ends", self._ends())

    def refused(self, organization: str, since: Mapping[int, int]) -> tuple[list[str], Mapping[int, int]]:
        """The rules that refused usage of the organization broke, from these offsets on, without held usage; and the
        offsets at which the next look begins.

        Raises: KafkaFailedError.
        """
        return self._do("give what was refused", self._refused(f"{organization}/".encode(), since))

    def _do(self, what: str, work: Coroutine[Any, Any, T]) -> T:
        """Run the work on the pipe's loop, for at most WAIT_SECONDS. Raises: KafkaFailedError."""

        async def bounded() -> T:
            async with asyncio.timeout(WAIT_SECONDS):
                return await work

        try:
            return asyncio.run_coroutine_threadsafe(bounded(), self._loop).result()
        except (KafkaError, TimeoutError) as error:
            raise KafkaFailedError(self._cluster, what, f"{type(error).__name__}: {error}") from error

    async def _open(self) -> None:
        producer = new_producer(self._cluster, enable_idempotence=True)
        self._stack.push_async_callback(producer.stop)
        try:
            await producer.start()
        except KafkaConnectionError as error:
            raise KafkaUnreachableError(self._cluster, error) from error
        self._producer = producer
        self._reader = await self._stack.enter_async_context(LogReader(self._cluster))
        self._reading = asyncio.Lock()
        self._partitions = tuple(await producer.partitions_for(self._cluster.topic(USAGE)))

    async def _publish(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        sent = [await self._producer.send(self._cluster.topic(USAGE), key=key, value=value) for key, value in records]
        for acknowledgement in sent:
            await acknowledgement

    async def _ends(self) -> Mapping[int, int]:
        async with self._reading:
            ends: Mapping[int, int] = await self._reader.end_offsets(USAGE_REJECTED, self._partitions)
            return ends

    async def _refused(self, prefix: bytes, since: Mapping[int, int]) -> tuple[list[str], Mapping[int, int]]:
        ends, rules = await self._ends(), []
        async with self._reading:
            for partition, end in ends.items():
                async for records in self._reader.read(USAGE_REJECTED, partition, since[partition], end):
                    theirs = [dict(record.headers) for record in records if (record.key or b"").startswith(prefix)]
                    rules += [headers[RULE_HEADER].decode() for headers in theirs if HELD_HEADER not in headers]
        return rules, ends

    def _close(self) -> None:
        try:
            self._do("let go", self._stack.aclose())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
