"""Each way into Kafka is gone by every kind of client; whoever is not let in is told why, and what to look at."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import NewTopic

from services.kafka import (
    BatchWriter,
    ClientCredentials,
    Cluster,
    KafkaAdmin,
    KafkaForbidsError,
    LogReader,
    Note,
    NoteWriter,
    NotLetInError,
    Password,
    Record,
    Tls,
    enter,
    new_admin,
)
from services.kafka.credentials import TlsFileError
from services.run.stack import StackError
from services.run.stack.probe import kafka_answers
from services.worker.consumer import consuming
from tests.servers.rights import everything
from tests.servers.secured_kafka import OUR_CERTIFICATE, PEM, TLS, Right, SecuredKafka, login_of
from tests.servers.tokens import SECRET, token_server

pytestmark = pytest.mark.stack

ENCRYPTED = Tls(TLS.ca_file, str(PEM / "client.pem"), str(PEM / "client-encrypted.key"), "open-sesame")
BAD_CA = Tls(str(PEM / "other-ca.pem"))
#: How to enter as user `all`, or by the certificate of `trueup`.
WAYS: dict[str, Callable[[SecuredKafka], Cluster]] = {
    "PLAIN over TLS": lambda broker: Cluster(broker.with_tls, TLS, login_of("all", "PLAIN")),
    "SCRAM-SHA-256 over TLS": lambda broker: Cluster(broker.with_tls, TLS, login_of("all", "SCRAM-SHA-256")),
    "SCRAM-SHA-512 over TLS": lambda broker: Cluster(broker.with_tls, TLS, login_of("all", "SCRAM-SHA-512")),
    "SCRAM-SHA-512 in the clear": lambda broker: Cluster(broker.without_tls, None, login_of("all", "SCRAM-SHA-512")),
    "a certificate": lambda broker: Cluster(broker.certified, OUR_CERTIFICATE),
    "a certificate whose key is encrypted": lambda broker: Cluster(broker.certified, ENCRYPTED),
}


class Listening:
    """A listener that only lets fetch what it is given."""

    def __init__(self) -> None:
        self.consumer: Callable[[], AIOKafkaConsumer | None] = lambda: None


async def use(cluster: Cluster, broker: SecuredKafka) -> None:
    """Append, read, ask and note: every kind of client."""
    topic = f"used-{uuid4().hex[:8]}"
    admin = new_admin(broker.setting_up)
    await admin.start()
    await admin.create_topics([NewTopic(cluster.topic(topic), 1, 1)])
    await admin.close()
    await enter(cluster, 5)
    await kafka_answers(cluster, 5)
    async with KafkaAdmin(cluster) as asking, asyncio.timeout(20):
        while topic not in await asking.partition_counts([topic]):
            await asyncio.sleep(0.1)
        async with BatchWriter(cluster) as writer:
            await writer.append(topic, 0, [Record(None, b"one"), Record(None, b"two")])
        async with LogReader(cluster) as reader:
            assert (await reader.end_offsets(topic, [0])) == {0: 2}
            assert [record.value async for polled in reader.read(topic, 0, 0, 2) for record in polled] == [
                b"one",
                b"two",
            ]
        async with NoteWriter(cluster, f"notes-of-{topic}", topic) as notes:
            await notes.write(Note(7, "seven"))
        assert await asking.read_note(f"notes-of-{topic}", topic) == Note(7, "seven")
    await by_group(cluster, topic)


async def by_group(cluster: Cluster, topic: str) -> None:
    """As the workers read: by FastStream, in a group."""
    from aiokafka import ConsumerRebalanceListener

    class Assigned(ConsumerRebalanceListener, Listening):  # type: ignore[misc]
        async def on_partitions_assigned(self, assigned: list[object]) -> None:
            consumer = self.consumer()
            assert consumer is not None
            consumer.pause(*assigned)
            for one in assigned:
                consumer.seek(one, 0)

        async def on_partitions_revoked(self, revoked: list[object]) -> None: ...

    async with consuming(cluster, topic, f"group-of-{topic}", Assigned(), 6_000, 10) as fetching:
        fetching.seek({0: 0})
        polled = await fetching.fetch(10.0, {0: 0})
        assert [record.value for record in polled[0].records] == [b"one", b"two"]


@pytest.fixture(autouse=True, scope="module")
async def rights(secured: SecuredKafka) -> None:
    for principal in ("all", "CN=trueup", "by-token"):
        await secured.allow(list(everything(principal, "acme.")))


@pytest.mark.parametrize("way", WAYS)
async def test_every_kind_of_client_enters(secured: SecuredKafka, way: str) -> None:
    found = WAYS[way](secured)
    await use(Cluster(found.bootstrap, found.tls, found.login, prefix="acme."), secured)


async def test_every_kind_of_client_enters_with_tokens_which_they_share(secured: SecuredKafka) -> None:
    async with token_server("by-token") as server:
        login = ClientCredentials(server.url, "by-token", SECRET, "kafka")
        await use(Cluster(secured.with_tls, TLS, login, prefix="acme."), secured)
    assert server.asked == ["grant_type=client_credentials&scope=kafka"]


async def test_without_a_token_the_server_of_tokens_is_named(secured: SecuredKafka) -> None:
    async with token_server("by-token") as server:
        login = ClientCredentials(server.url, "by-token", "guessed")
        with pytest.raises(
            StackError, match=rf"no token for Kafka from {server.url}: it answered 401 .*'by-token'"
        ) as no:
            await kafka_answers(Cluster(secured.with_tls, TLS, login), 1)
    assert "guessed" not in str(no.value)


REFUSED: dict[str, tuple[Callable[[SecuredKafka], Cluster], str]] = {
    "a wrong password": (
        lambda broker: Cluster(broker.with_tls, TLS, Password("SCRAM-SHA-512", "all", "guessed")),
        r"does not let in user 'all' \(.*\); check TRUEUP_KAFKA_USERNAME, TRUEUP_KAFKA_PASSWORD",
    ),
    "a wrong password, PLAIN": (
        lambda broker: Cluster(broker.with_tls, TLS, Password("PLAIN", "all", "guessed")),
        r"does not let in user 'all' \(.*\); check TRUEUP_KAFKA_USERNAME, TRUEUP_KAFKA_PASSWORD",
    ),
    "another authority": (
        lambda broker: Cluster(broker.with_tls, BAD_CA, login_of("all")),
        "shows a certificate that is not trusted: .*; TRUEUP_KAFKA_CA_FILE .*other-ca.pem must hold who signed it",
    ),
    "no authority": (
        lambda broker: Cluster(broker.with_tls, Tls(), login_of("all")),
        "shows a certificate that is not trusted: .*; TRUEUP_KAFKA_CA_FILE must name who signed it",
    ),
    "no certificate of ours": (
        lambda broker: Cluster(broker.certified, TLS),
        "wants a certificate of ours .*; check TRUEUP_KAFKA_CERTIFICATE_FILE and TRUEUP_KAFKA_KEY_FILE",
    ),
    "a login where there is none": (
        lambda broker: Cluster(broker.setting_up.bootstrap, None, login_of("all")),
        "takes no SASL on this port; check TRUEUP_KAFKA_SECURITY_PROTOCOL and the port",
    ),
}


@pytest.mark.parametrize("how", REFUSED)
async def test_who_is_not_let_in_is_told_why_at_once(secured: SecuredKafka, how: str) -> None:
    make, words = REFUSED[how]
    cluster = make(secured)
    with pytest.raises(NotLetInError, match=words) as raised:
        await enter(cluster, 5)
    assert "guessed" not in str(raised.value)
    async with asyncio.timeout(30):  # a command does not try again what no waiting mends
        with pytest.raises(StackError, match=words):
            await kafka_answers(cluster, 90)


CLOSED: dict[str, Callable[[SecuredKafka], Cluster]] = {
    "SASL_SSL": lambda broker: Cluster(broker.without_tls, TLS, login_of("all")),
    "SASL_PLAINTEXT": lambda broker: Cluster(broker.with_tls, None, login_of("all")),
    "PLAINTEXT": lambda broker: Cluster(broker.without_tls),
    "SSL": lambda broker: Cluster(broker.with_tls, TLS),
}


@pytest.mark.parametrize("protocol", CLOSED)
async def test_a_port_that_speaks_otherwise_is_named_with_what_was_tried(secured: SecuredKafka, protocol: str) -> None:
    words = rf"closes the connection when it is spoken to as {protocol}; .* check TRUEUP_KAFKA_SECURITY_PROTOCOL"
    with pytest.raises(StackError, match=words):
        await kafka_answers(CLOSED[protocol](secured), 1)


@asynccontextmanager
async def pretender(certificate: str) -> AsyncIterator[str]:
    """A server that shows this certificate and says nothing."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(PEM / f"{certificate}.pem", PEM / f"{certificate}.key")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_certificate_for_another_name_is_not_trusted() -> None:
    async with pretender("elsewhere") as address:
        with pytest.raises(NotLetInError, match=r"IP address mismatch.*and the address be a name in it"):
            await enter(Cluster(address, TLS), 5)


async def test_files_that_are_none_are_named_before_anything_is_asked() -> None:
    with pytest.raises(StackError, match=r"CA_FILE names /nowhere\.pem, which cannot be read: No such file"):
        await kafka_answers(Cluster("127.0.0.1:1", Tls("/nowhere.pem")), 8)
    with pytest.raises(TlsFileError, match=r"CA_FILE names .*client.key, which holds no certificate in PEM form"):
        await enter(Cluster("127.0.0.1:1", Tls(str(PEM / "client.key"))), 5)
    with pytest.raises(TlsFileError, match=r"CERTIFICATE_FILE names .*whose key is another one than that of"):
        await enter(Cluster("127.0.0.1:1", Tls(TLS.ca_file, str(PEM / "client.pem"), str(PEM / "server.key"))), 5)
    wrong = Tls(TLS.ca_file, ENCRYPTED.certificate_file, ENCRYPTED.key_file, "guessed")
    with pytest.raises(TlsFileError, match="TRUEUP_KAFKA_KEY_PASSWORD is not the key's") as raised:
        await enter(Cluster("127.0.0.1:1", wrong), 5)
    assert "guessed" not in str(raised.value)


async def test_who_may_not_is_told_as_whom_and_what(secured: SecuredKafka) -> None:
    nobody = Cluster(secured.with_tls, TLS, login_of("nobody"), prefix="acme.")
    seen = Cluster(secured.setting_up.bootstrap, prefix="acme.")
    admin = new_admin(seen)
    await admin.start()
    await admin.create_topics([NewTopic("acme.closed", 1, 1), NewTopic("acme.open", 1, 1)])
    await admin.close()
    await secured.allow([Right("nobody", "write", "topic", "acme.open")])
    words = r"does not let user 'nobody' do this: TopicAuthorizationFailedError: .*acme\.closed"
    async with BatchWriter(nobody) as writer, asyncio.timeout(40):
        with pytest.raises(KafkaForbidsError, match=words):
            await writer.append("closed", 0, [Record(None, b"one")])
    async with KafkaAdmin(nobody) as asking:
        assert await asking.partition_counts(["closed"]) == {}
    async with NoteWriter(nobody, "notes", "closed") as notes:
        with pytest.raises(KafkaForbidsError, match="GroupAuthorizationFailedError"):
            await notes.write(Note(1, "one"))
