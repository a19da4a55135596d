"""A cluster is one value: every kind of client is made of it, and no form of it shows a secret."""

import ast
import os
import shutil
import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import TopicAuthorizationFailedError

from services.kafka import (
    ClientCredentials,
    Cluster,
    KafkaForbidsError,
    KafkaUnreachableError,
    MskIam,
    Password,
    Tls,
    kafka_errors,
)
from services.kafka.clients import connection_options, new_broker
from services.kafka.cluster import Login
from services.kafka.credentials import ExtraMissingError, NoRegionError, NoTokenError, tls_context, tokens_of
from tests.modules import ROOT, sources

PEM = Path(__file__).parent.parent / "servers" / "pem"
TLS = Tls(str(PEM / "ca.pem"))
LOGINS: list[Login | None] = [None, Password("PLAIN", "me", "hidden"), ClientCredentials("http://t", "c", "hidden")]


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("tls", [None, TLS])
async def test_fast_stream_enters_as_all_other_clients_do(tls: Tls | None, login: Login | None) -> None:
    cluster = Cluster("a:1, b:2", tls, login, "billing")
    ours = connection_options(cluster) | {"bootstrap_servers": ["a:1", "b:2"]}
    builder: Any = new_broker(cluster, logger=None).config.broker_config.builder
    assert {name: builder.keywords[name] for name in ours} == ours


CLIENTS = {
    "AIOKafkaProducer",
    "AIOKafkaConsumer",
    "AIOKafkaAdminClient",
    "AIOKafkaClient",
    "KafkaBroker",
    "create_conn",
}
MAKERS = {"services/kafka/clients.py", "services/kafka/entering.py"}


@pytest.mark.parametrize("room", ["services", "benchmarks", "tests"])
def test_nobody_else_makes_a_client(room: str) -> None:
    for path in sources(room):
        text = path.read_text()
        if not any(name in text for name in CLIENTS):
            continue
        calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
        made = {ast.unparse(call.func) for call in calls} & CLIENTS
        assert not made or str(path.relative_to(ROOT)) in MAKERS, f"{path.relative_to(ROOT)} makes {made}"


def test_a_plain_broker_is_its_address() -> None:
    plain = Cluster("127.0.0.1:9092")
    assert (str(plain), plain.protocol, plain.topic("usage"), plain.group("g")) == (
        "127.0.0.1:9092", "PLAINTEXT", "usage", "g",
    )  # fmt: skip
    assert connection_options(plain) == {
        "bootstrap_servers": "127.0.0.1:9092",
        "client_id": "trueup",
        "security_protocol": "PLAINTEXT",
    }


def test_a_prefix_is_put_before_topics_and_groups() -> None:
    one = Cluster("a:1", prefix="acme.")
    assert (one.topic("usage"), one.group("trueup-ingest")) == ("acme.usage", "acme.trueup-ingest")


def test_no_form_of_it_shows_a_secret() -> None:
    for login in LOGINS:
        cluster = Cluster("a:1", Tls("ca", "c", "k", "hidden"), login)
        assert "hidden" not in f"{cluster} {cluster!r} {KafkaUnreachableError(cluster, 'away')} {cluster.user}"


def test_what_an_acl_forbids_is_told_with_who_we_are() -> None:
    cluster = Cluster("a:1", None, Password("PLAIN", "me", "p"))
    words = r"a:1 does not let user 'me' do this: TopicAuthorizationFailedError: .*usage"
    with pytest.raises(KafkaForbidsError, match=words), kafka_errors(cluster):
        raise TopicAuthorizationFailedError("usage")


def test_a_certificate_that_was_renewed_is_taken_and_one_that_was_not_is_read_once(tmp_path: Path) -> None:
    for name in ("client.pem", "client.key", "server.pem", "server.key"):
        shutil.copy(PEM / name, tmp_path / name)
    tls = Tls(TLS.ca_file, str(tmp_path / "client.pem"), str(tmp_path / "client.key"))
    first = tls_context(tls)
    assert tls_context(tls) is first
    assert first.verify_mode is ssl.CERT_REQUIRED and first.check_hostname
    assert first.minimum_version is ssl.TLSVersion.TLSv1_2
    for name in ("pem", "key"):
        (tmp_path / f"server.{name}").rename(tmp_path / f"client.{name}")
        os.utime(tmp_path / f"client.{name}", ns=(0, 1))
    assert tls_context(tls) is not first


class Signer:
    """In place of AWS's package, which is an extra: it says how it was asked."""

    asked: list[str] = []  # noqa: RUF012
    fails = False

    @classmethod
    def generate_auth_token(cls, region: str) -> tuple[str, int]:
        cls.asked.append(region)
        if cls.fails:
            raise RuntimeError("Unable to locate credentials")
        return f"token {len(cls.asked)}", 2**53


async def test_tokens_of_aws_are_signed_for_the_region_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    session = SimpleNamespace(get_config_variable=lambda _: None)
    modules = {
        "aws_msk_iam_sasl_signer.MSKAuthTokenProvider": Signer,
        "botocore.session": SimpleNamespace(Session=lambda: session),
    }
    monkeypatch.setattr("importlib.import_module", modules.__getitem__)
    monkeypatch.delenv("AWS_REGION", raising=False)
    tokens_of.cache_clear()
    tokens = tokens_of(MskIam("eu-central-1"))
    assert tokens_of(MskIam("eu-central-1")) is tokens
    assert [await tokens.token(), await tokens.token()] == ["token 1", "token 1"]
    assert Signer.asked == ["eu-central-1"]
    with pytest.raises(NoRegionError, match="TRUEUP_KAFKA_AWS_REGION"):
        tokens_of(MskIam())
    monkeypatch.setattr(Signer, "fails", True)
    with pytest.raises(NoTokenError, match="no token for Kafka from AWS: RuntimeError Unable to locate credentials"):
        await tokens_of(MskIam("us-east-1")).token()


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    tokens_of.cache_clear()
    with pytest.raises(ExtraMissingError, match=r"pip install 'trueup\[msk\]'"):
        connection_options(Cluster("a:1", Tls(), MskIam("r")))
