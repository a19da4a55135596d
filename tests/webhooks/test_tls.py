"""TLS is for the name of the address, also where the connection goes to an address that was looked up before."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.webhooks.addresses import ReceiverRules
from services.webhooks.reaching import FitAddresses
from services.webhooks.sending import Sender, open_sender
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_reaching import LOOPBACK, Rebinding

NAME = "hooks.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of NAME, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(secret + made.public_bytes(pem))
    return file


async def sent_to(name: str, certificate: Path) -> tuple[int | None, str | None, int]:
    """Status and error of a request to this name, and how many came, by who trusts the certificate."""
    ours, receiver = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Receiver()
    ours.load_cert_chain(certificate)
    server = await asyncio.start_server(receiver.accept, "127.0.0.1", 0, ssl=ours)
    port = server.sockets[0].getsockname()[1]
    backend = FitAddresses(Rebinding("127.0.0.1"), LOOPBACK)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with httpcore.AsyncConnectionPool(ssl_context=trusting, network_backend=backend) as pool:
        outcome = await Sender(pool, ReceiverRules(LOOPBACK, seconds=20)).attempt(f"https://{name}:{port}/ok", {}, "{}")
    server.close()
    await receiver.close()
    return outcome.status, outcome.error, len(receiver.got)


async def test_the_certificate_is_to_be_the_names(certificate: Path) -> None:
    assert await sent_to(NAME, certificate) == (204, None, 1)
    assert await sent_to("other.example", certificate) == (None, "it could not be reached, or the connection broke", 0)


async def test_whom_nobody_trusts_is_sent_nothing(certificate: Path) -> None:
    ours, receiver = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Receiver()
    ours.load_cert_chain(certificate)
    server = await asyncio.start_server(receiver.accept, "127.0.0.1", 0, ssl=ours)
    port = server.sockets[0].getsockname()[1]
    async with open_sender(ReceiverRules(LOOPBACK, seconds=20)) as sender:
        outcome = await sender.attempt(f"https://127.0.0.1:{port}/ok", {}, "{}")
    server.close()
    await receiver.close()
    assert outcome.status is None and outcome.error is not None and not receiver.got
