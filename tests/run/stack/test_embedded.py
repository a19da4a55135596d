"""The embedded stack on real processes: data outlive it, nothing of it outlives its parent, two of them do not meet."""

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic

from services.kafka import new_admin, new_consumer, new_producer
from services.run.settings import Settings, load_settings
from services.run.stack import Endpoints, HomeInUse, NotOurs, Stack, StackError, kafka, known_endpoints, probe
from services.run.stack.jars import kafka_jars
from services.run.stack.postgres import SETTINGS, SOCKET_PATH_MAX, EmbeddedPostgres
from tests.run.stack.processes import alive, descendants, start_parent, until
from tests.run.stack.test_formatted import told

pytestmark = pytest.mark.stack
TOPIC = "stack-test"
Parent = subprocess.Popen[str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one parent starts after the other, each upon what the last one left, however it ended."""
    return tmp_path_factory.mktemp("parents")


@pytest.fixture
def parent(home: Path) -> Iterator[Parent]:
    """A process of its own that runs a stack in `home` and a command."""
    process = start_parent(home)
    yield process
    process.kill()
    process.wait()


def embedded(home: Path) -> Settings:
    """Settings of an embedded stack, whatever the environment gives."""
    return Settings(home=home, kafka_bootstrap=None, database_url=None, test_stack="embedded")


async def write(endpoints: Endpoints, text: str) -> None:
    """One record and one row."""
    producer = new_producer(endpoints.kafka, acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(TOPIC, text.encode(), partition=0)
    finally:
        await producer.stop()
    connection = await asyncpg.connect(endpoints.database_url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS stack_test (text text)")
        await connection.execute("INSERT INTO stack_test VALUES ($1)", text)
    finally:
        await connection.close()


async def read(endpoints: Endpoints) -> tuple[list[str], list[str]]:
    """All records and all rows."""
    partition = TopicPartition(TOPIC, 0)
    consumer = new_consumer(endpoints.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        records = [(await consumer.getone()).value.decode() for _ in range(end)]
    finally:
        await consumer.stop()
    connection = await asyncpg.connect(endpoints.database_url)
    try:
        rows = [row["text"] for row in await connection.fetch("SELECT text FROM stack_test ORDER BY text")]
    finally:
        await connection.close()
    return records, rows


async def make_topic(endpoints: Endpoints) -> None:
    admin = new_admin(endpoints.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    await admin.close()


async def test_data_survive_restart_crash_and_a_new_start(tmp_path: Path) -> None:
    first = Stack(embedded(tmp_path))
    endpoints = await first.start()
    try:
        await make_topic(endpoints)
        await write(endpoints, "1 first")
        await asyncio.gather(first.restart_kafka(), first.restart_postgres())
        await write(endpoints, "2 after restart, at the same address")
        await asyncio.gather(first.restart_kafka(crash=True), first.restart_postgres(crash=True))
        await write(endpoints, "3 after a crash, at the same address")
    finally:
        await first.stop()
    second = Stack(embedded(tmp_path))
    try:
        records, rows = await read(await second.start())
    finally:
        await second.stop()
    assert records == rows == [
        "1 first", "2 after restart, at the same address", "3 after a crash, at the same address",
    ]  # fmt: skip


async def test_two_stacks_run_side_by_side(stack: Stack, tmp_path: Path) -> None:
    other = Stack(embedded(tmp_path))
    endpoints = await other.start()
    try:
        assert endpoints.kafka != stack.endpoints.kafka
        assert endpoints.database_url != stack.endpoints.database_url
        kept = await kafka_jars() / "formatted"
        assert told(tmp_path / "kafka" / "data")["cluster.id"] != told(kept)["cluster.id"]
        await make_topic(endpoints)
        await write(endpoints, "mine")
        connection = await asyncpg.connect(stack.endpoints.database_url)
        assert await connection.fetchval("SELECT to_regclass('stack_test')") is None
        await connection.close()
    finally:
        await other.stop()


async def test_the_database_is_set_up_for_money_and_time(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.endpoints.database_url)
    try:
        names = ("synchronous_commit", "timezone", "server_encoding")
        assert [await connection.fetchval(f"SHOW {name}") for name in names] == ["on", "UTC", "UTF8"]
        assert SETTINGS.get("fsync", "on") == "on", "it is the server's own default; only tests turn it off"
    finally:
        await connection.close()


async def test_a_second_start_on_a_home_is_refused_and_names_the_holder(parent: Parent, home: Path) -> None:
    try:
        with pytest.raises(HomeInUse, match=f"in use by process {parent.pid};"):
            await Stack(embedded(home)).start()
        found = await known_endpoints(embedded(home))
        connection = await asyncpg.connect(found.database_url)
        assert await connection.fetchval("SHOW data_directory") == str(home / "postgres" / "data")
        await connection.close()
    finally:
        parent.terminate()
        assert await asyncio.to_thread(parent.wait, 40) == 0
    with pytest.raises(
        StackError, match=r"no stack runs in TRUEUP_HOME .*TRUEUP_KAFKA_BOOTSTRAP and TRUEUP_DATABASE_URL"
    ):
        await known_endpoints(embedded(home))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
async def test_nothing_is_left_whatever_ends_the_parent(parent: Parent, number: signal.Signals) -> None:
    children = descendants(parent.pid)
    assert len(alive(children)) >= 6  # Kafka, Postgres with its workers, the sleeper, and a watch for each
    parent.send_signal(number)
    status = await asyncio.to_thread(parent.wait, 40)
    assert status == (-signal.SIGKILL if number is signal.SIGKILL else 0)
    if number is not signal.SIGKILL:
        assert alive(children) == []  # before the parent returns, not soon after
    await asyncio.to_thread(until, lambda: not alive(children))


@pytest.mark.long
async def test_a_home_can_be_started_again_right_after_its_parent_was_killed(parent: Parent, home: Path) -> None:
    parent.kill()
    await asyncio.to_thread(parent.wait, 10)
    again = Stack(embedded(home))  # waits for the old children instead of meeting them
    await again.start()
    await again.stop()


@pytest.mark.long
async def test_kafka_dies_with_its_watch_too(parent: Parent) -> None:
    children = descendants(parent.pid)
    watches = [child for child in children if child.ppid() == parent.pid]
    parent.kill()
    for watch in watches:
        watch.kill()
    await asyncio.to_thread(parent.wait, 10)
    await asyncio.to_thread(until, lambda: not alive(children))


async def test_a_given_address_that_does_not_answer_is_named_quickly(tmp_path: Path) -> None:
    with socket.socket() as silent:  # listens, and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        settings = load_settings(
            home=tmp_path,
            kafka_bootstrap=f"127.0.0.1:{port}",
            database_url=f"postgresql://me:secret@127.0.0.1:{port}/billing",
        )
        begun = time.monotonic()
        with pytest.raises(StackError) as raised:
            await Stack(settings).start()
    assert time.monotonic() - begun < 14
    message = str(raised.value)
    assert f"Kafka at 127.0.0.1:{port} does not answer: tried a metadata request" in message
    assert f"Postgres at postgresql://me:***@127.0.0.1:{port}/billing does not answer: tried SELECT 1" in message
    assert "secret" not in message


async def test_a_given_part_is_used_and_not_ours_to_restart(stack: Stack, tmp_path: Path) -> None:
    given = stack.endpoints
    borrower = Stack(
        load_settings(home=tmp_path, kafka_bootstrap=given.kafka.bootstrap, database_url=given.database_url)
    )
    assert await borrower.start() == given
    with pytest.raises(NotOurs, match="Kafka was given by its address"):
        await borrower.restart_kafka()
    await borrower.stop()
    assert list(tmp_path.iterdir()) == []
    await known_endpoints(borrower.settings)  # still answers


async def test_a_home_too_deep_for_a_socket_works(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a-folder-with-quite-a-long-name"] * 4)
    postgres = EmbeddedPostgres(folder)
    url = await postgres.start()
    assert len(url.partition("host=")[2]) < SOCKET_PATH_MAX
    await postgres.stop()


@pytest.mark.long
async def test_a_port_taken_before_kafka_binds_it_is_given_up_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        offers = iter([[taken, *probe.free_ports(1)], probe.free_ports(2)])
        monkeypatch.setattr(kafka, "free_ports", lambda count: next(offers))
        broker = kafka.EmbeddedKafka(tmp_path)
        try:
            assert await broker.start() != f"127.0.0.1:{taken}"
        finally:
            await broker.stop()
