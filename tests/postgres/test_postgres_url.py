"""What libpq writes is understood: hosts, ports, what the driver must not be told, and what nobody may be shown."""

import pytest

from services.postgres_url import Host, PostgresUrl, redacted

HOSTS = {
    "postgresql://u@a/d": [("a", 5432)],
    "postgresql://u:p@a:1,b:2,[::1]:3/d": [("a", 1), ("b", 2), ("::1", 3)],
    "postgresql://u@a,b:2/d": [("a", 5432), ("b", 2)],
    "postgres://u@/d?host=/run/x:y,/tmp": [("/run/x:y", 5432), ("/tmp", 5432)],
    "postgresql://u@/d?host=a,/tmp&port=1,2": [("a", 1), ("/tmp", 2)],
    "postgresql://u@a,b/d?port=7": [("a", 7), ("b", 7)],
    "postgresql://u@/d": [],
    "postgresql:///d?port=7": [],
}


@pytest.mark.parametrize("text", HOSTS)
def test_hosts_and_their_ports(text: str) -> None:
    assert list(PostgresUrl.of(text).hosts) == [Host(*host_and_port) for host_and_port in HOSTS[text]]


WRONG = {
    "mysql://u@a/d": "must be a URL such as",
    "postgresql://u@a": "with a database",
    "postgresql://u@a:port/d": "has port 'port'",
    "postgresql://u@a:70000/d": "has port '70000'",
    "postgresql://u@a,b/d?port=1,2,3": "has 3 ports for 2 hosts",
    "postgresql://u@a/d?sslmode=on": "has sslmode on, which must be one of disable",
    "postgresql://u@a,b/d?target_session_attrs=standby": "must be one of any, read-write, primary: Trueup writes",
    "postgresql://u@a/d?sslmode=verify-ca&sslrootcert=system": "has sslrootcert system, which needs",
    "postgresql://u@a/d?channel_binding=require": "has channel_binding, which the driver does not know",
    "postgresql://u@a/d?require_auth=scram-sha-256": "has require_auth, which the driver does not know",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=WRONG[text]):
        PostgresUrl.of(text)


def test_of_several_servers_it_is_the_one_that_takes_writes() -> None:
    assert PostgresUrl.of("postgresql://u@a/d").session_attrs == "any"
    assert PostgresUrl.of("postgresql://u@a,b/d").session_attrs == "read-write"
    assert PostgresUrl.of("postgresql://u@a,b/d?target_session_attrs=primary").session_attrs == "primary"


def test_the_driver_is_told_what_it_knows_and_the_server_its_settings() -> None:
    text = (
        "postgresql://u:p%40@a:1,b/d?sslmode=require&connect_timeout=3&channel_binding=prefer&application_name=x%20y"
        "&target_session_attrs=any&keepalives=1&options=-c%20a%3Db"
    )
    assert PostgresUrl.of(text).for_driver == (
        "postgresql://u:p%40@a:1,b/d?sslmode=require&application_name=x%20y&options=-c%20a%3Db"
    )
    trusting = PostgresUrl.of("postgresql://u@a/d?sslmode=verify-full&sslrootcert=system")
    assert (trusting.for_driver, trusting.files) == ("postgresql://u@a/d", {})


def test_a_password_is_put_in_whatever_it_has_in_it() -> None:
    url = PostgresUrl.of(PostgresUrl.of("postgresql://u@a/d?sslmode=require").with_password("a/b@c&d e"))
    assert (url.parameters["password"], url.has_password) == ("a/b@c&d e", True)
    assert not PostgresUrl.of("postgresql://u@a/d").has_password


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:hidden@a/d",
        "postgresql://u:hid@den@a,b:2/d",
        "postgresql://u:hid/den@a/d",
        "postgresql://u@a/d?password=hidden&sslmode=require",
        "postgresql://u@a/d?sslmode=require&sslpassword=hidden",
    ],
)
def test_no_password_is_shown(text: str) -> None:
    shown = redacted(text)
    assert "hid" not in shown and "den" not in shown and "***" in shown and "a" in shown
