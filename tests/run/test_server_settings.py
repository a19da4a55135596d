"""Which settings of Kafka and Postgres go together: whatever is missing or contradicts is named, and what to do."""

from pathlib import Path

import pytest

from services.kafka import ClientCredentials, Cluster, MskIam, Password, Tls
from services.run.cluster import given_cluster
from services.run.process import environment_of
from services.run.settings import Settings, SettingsError, load_settings
from services.run.stack import Endpoints

AT = {"kafka_bootstrap": "a:1"}
SASL = AT | {"kafka_security_protocol": "SASL_SSL"}
SCRAM = SASL | {"kafka_sasl_mechanism": "SCRAM-SHA-256", "kafka_username": "me"}
OAUTH = SASL | {
    "kafka_sasl_mechanism": "OAUTHBEARER",
    "kafka_oauth_token_url": "http://t",
    "kafka_oauth_client_id": "c",
}
TLS = AT | {"kafka_security_protocol": "SSL"}

WRONG = [
    ({"kafka_username": "me"}, "KAFKA_USERNAME is given, but no TRUEUP_KAFKA_BOOTSTRAP"),
    (
        AT | {"kafka_username": "me"},
        "KAFKA_USERNAME is for .*MECHANISM PLAIN or .*, which is not given",
    ),
    (SASL, "KAFKA_SASL_MECHANISM is required by TRUEUP_KAFKA_SECURITY_PROTOCOL SASL_SSL"),
    (AT | {"kafka_sasl_mechanism": "PLAIN"}, "KAFKA_SECURITY_PROTOCOL must be SASL_SSL or .*; it is PLAINTEXT"),
    (TLS | {"kafka_sasl_mechanism": "PLAIN"}, "KAFKA_SECURITY_PROTOCOL must be SASL_SSL or .*; it is SSL"),
    (SCRAM, r"KAFKA_PASSWORD is required \(or TRUEUP_KAFKA_PASSWORD_FILE\) by .*MECHANISM SCRAM-SHA-256"),
    (
        SCRAM | {"kafka_password": "p", "kafka_oauth_scope": "s"},
        "KAFKA_OAUTH_SCOPE is for .*, which is SCRAM",
    ),
    (OAUTH, r"KAFKA_OAUTH_CLIENT_SECRET is required \(or TRUEUP_KAFKA_OAUTH_CLIENT_SECRET_FILE\) by .* OAUTHBEARER"),
    (
        AT | {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_mechanism": "AWS_MSK_IAM"},
        "KAFKA_SECURITY_PROTOCOL must be SASL_SSL for AWS_MSK_IAM",
    ),
    (AT | {"kafka_ca_file": "ca"}, "KAFKA_CA_FILE is for TRUEUP_KAFKA_SECURITY_PROTOCOL SSL or SASL_SSL"),
    (TLS | {"kafka_key_file": "key"}, "KAFKA_CERTIFICATE_FILE is required by TRUEUP_KAFKA_KEY_FILE"),
    (AT | {"kafka_topic_prefix": "a/b"}, "KAFKA_TOPIC_PREFIX must have letters, digits"),
    (AT | {"kafka_topic_prefix": ".."}, "KAFKA_TOPIC_PREFIX must have letters, digits"),
    ({"database_password": "p"}, "DATABASE_PASSWORD is given, but no TRUEUP_DATABASE_URL"),
    (
        {"database_url": "postgresql://u:q@a/d", "database_password": "p"},
        "DATABASE_URL has a password, and TRUEUP_DATABASE_PASSWORD is given, too",
    ),
    (
        {"database_url": "postgresql://u@a/d?sslmode=verify-full&sslrootcert=/nowhere.pem"},
        r"DATABASE_URL has sslrootcert /nowhere\.pem, which cannot be read: No such file",
    ),
]


@pytest.mark.parametrize(("given", "words"), WRONG)
def test_what_does_not_go_together_is_named(given: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=f"^TRUEUP_{words}") as raised:
        load_settings(**given)
    assert "\n" not in str(raised.value)


CLUSTERS = [
    (AT, Cluster("a:1")),
    (TLS, Cluster("a:1", Tls())),
    (
        TLS
        | {"kafka_certificate_file": "/c", "kafka_key_file": "/k", "kafka_key_password": "p", "kafka_ca_file": "/ca"},
        Cluster("a:1", Tls("/ca", "/c", "/k", "p")),
    ),
    (SCRAM | {"kafka_password": "p"}, Cluster("a:1", Tls(), Password("SCRAM-SHA-256", "me", "p"))),
    (
        OAUTH | {"kafka_oauth_client_secret": "s", "kafka_oauth_scope": "k"},
        Cluster("a:1", Tls(), ClientCredentials("http://t", "c", "s", "k")),
    ),
    (SASL | {"kafka_sasl_mechanism": "AWS_MSK_IAM", "kafka_aws_region": "r"}, Cluster("a:1", Tls(), MskIam("r"))),
    (AT | {"kafka_topic_prefix": "acme.", "kafka_client_id": "x"}, Cluster("a:1", client_id="x", prefix="acme.")),
]


@pytest.mark.parametrize(("given", "cluster"), CLUSTERS)
def test_what_goes_together_is_a_way_in(given: dict[str, str], cluster: Cluster) -> None:
    assert given_cluster(load_settings(**given)) == cluster


def test_without_addresses_no_cluster_is_given() -> None:
    assert given_cluster(load_settings(kafka_bootstrap=None)) is None


SECRETS = (
    *("kafka_password", "kafka_key_password", "kafka_oauth_client_secret"),
    *("token_secret", "checkpoint_secret", "api_secret"),
)


@pytest.mark.parametrize("name", [*SECRETS, "database_password", "database_url"])
def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.delenv(f"TRUEUP_{name.upper()}", raising=False)
    value = "postgresql://me:hidden@a,b/d" if name.endswith("_url") else "hidden " * 8 + "end"
    file = tmp_path / "secret"
    file.write_text(f"{value}\n")
    beside = {
        "kafka_password": SCRAM,
        "kafka_key_password": TLS | {"kafka_certificate_file": "c"},
        "kafka_oauth_client_secret": OAUTH,
        "database_password": {"database_url": "postgresql://me@a/d"},
        "database_pooler_url": {"database_url": "postgresql://me@a/d"},
    }.get(name, {})
    settings = load_settings(**beside, **{f"{name}_file": file})
    held = getattr(settings, name)
    assert (held if isinstance(held, str) else held.get_secret_value()) == value
    assert "hidden" not in f"{settings!r} {settings} {given_cluster(settings)!r}"
    with pytest.raises(
        SettingsError, match=f"TRUEUP_{name.upper()} and TRUEUP_{name.upper()}_FILE are both given"
    ) as two:
        load_settings(**beside, **{f"{name}_file": file, name: value})
    assert "hidden" not in str(two.value)
    for wrong, words in ((tmp_path / "none", "cannot be read: No such file"), (tmp_path / "empty", "which is empty")):
        (tmp_path / "empty").touch()
        with pytest.raises(
            SettingsError, match=f"^TRUEUP_{name.upper()}_FILE names {wrong}, {'which ' * ('be' in words)}"
        ):
            load_settings(**beside, **{f"{name}_file": wrong})


def test_a_password_beside_the_url_is_put_into_it() -> None:
    settings = load_settings(database_url="postgresql://me@a,b/d?sslmode=require", database_password="p&q")
    assert settings.postgres == "postgresql://me@a,b/d?sslmode=require&password=p%26q"
    assert load_settings(database_url="postgresql://me:p@a/d").postgres == "postgresql://me:p@a/d"
    told = {"database_url": "postgresql://me@a/d", "database_password": "p"}
    for pooler in ("postgresql://me@b:6432/d?password=p", "postgresql://me@b:6432/d"):
        assert load_settings(**told, database_pooler_url=pooler).pooler == "postgresql://me@b:6432/d?password=p"
    assert load_settings(**told, database_pooler_url="postgresql://you:q@b/d").pooler == "postgresql://you:q@b/d"


def test_a_pooler_is_beside_a_postgres() -> None:
    with pytest.raises(SettingsError, match="TRUEUP_DATABASE_POOLER_URL is given, but no TRUEUP_DATABASE_URL"):
        load_settings(database_pooler_url="postgresql://me@b/d")
    with pytest.raises(SettingsError, match=r"TRUEUP_DATABASE_POOLER_URL .*must be a URL.*\*\*\*") as raised:
        load_settings(database_url="postgresql://me@a/d", database_pooler_url="mysql://me:hidden@b/d")
    assert "hidden" not in str(raised.value)


def test_a_process_is_told_what_this_one_was_and_where_its_servers_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRUEUP_PARTITIONS", "3")
    monkeypatch.setenv("TRUEUP_API_RATE", "7")
    monkeypatch.setenv("SOMETHING_ELSE", "stays")
    (tmp_path / "password").write_text("hidden")
    settings = load_settings(partitions=5, **SCRAM, kafka_password_file=tmp_path / "password")
    told = environment_of(settings, Endpoints(Cluster("elsewhere:1"), "postgresql://there/d"))
    ours = {name: value for name, value in told.items() if name.startswith("TRUEUP_")}
    assert "hidden" not in ours.values() and told["SOMETHING_ELSE"] == "stays"
    assert ours["TRUEUP_KAFKA_BOOTSTRAP"] == "a:1"
    assert ours["TRUEUP_DATABASE_URL"] == "postgresql://there/d"
    assert (ours["TRUEUP_PARTITIONS"], ours["TRUEUP_API_RATE"]) == ("5", "7")
    for name in list(ours):
        monkeypatch.setenv(name, ours[name])
    again = load_settings()
    fields = set(Settings.model_fields) - {"database_url"}
    assert {name: getattr(again, name) for name in fields} == {name: getattr(settings, name) for name in fields}
