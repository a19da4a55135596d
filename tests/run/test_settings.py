"""Every wrong setting is told by its variable, the rule and the value, and no message shows a password."""

import pytest

from services.run.settings import SettingsError, load_settings

WRONG = [
    ("TRUEUP_PARTITIONS", "abc", "must be a whole number"),
    ("TRUEUP_PARTITIONS", "0", "must be greater than or equal to 1"),
    ("TRUEUP_MAX_RECORD_BYTES", "1048575", "must be greater than or equal to 1048576"),
    ("TRUEUP_MAX_RECORD_BYTES", "67108865", "must be less than or equal to 67108864"),
    ("TRUEUP_MAX_RECORD_BYTES", "8MB", "must be a whole number"),
    ("TRUEUP_KAFKA_BOOTSTRAP", "localhost", "must be host:port"),
    ("TRUEUP_KAFKA_BOOTSTRAP", "a:1,b:99999", "must be host:port"),
    ("TRUEUP_DATABASE_URL", "mysql://host/database", "must be a URL such as postgresql://"),
    ("TRUEUP_DATABASE_URL", "postgresql://host", "must be a URL such as postgresql://"),
    ("TRUEUP_TEST_STACK", "podman", "must be 'embedded' or 'docker'"),
    ("TRUEUP_LOG_LEVEL", "LOUD", "must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
    ("TRUEUP_API_PORT", "65536", "must be less than or equal to 65535"),
]


@pytest.mark.parametrize(("name", "value", "rule"), WRONG)
def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str, rule: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    message = str(raised.value)
    assert message.startswith(f"{name} {rule}")
    assert message.endswith(f"it is {value!r}")
    assert "\n" not in message


def test_a_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_DATABASE_URL", "mysql://me:secret@host/database")
    with pytest.raises(SettingsError, match=r"me:\*\*\*@host") as raised:
        load_settings()
    assert "secret" not in str(raised.value)


def test_good_values_are_taken_and_empty_ones_are_as_if_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_KAFKA_BOOTSTRAP", "a:9092,[::1]:9093")
    monkeypatch.setenv("TRUEUP_DATABASE_URL", "")
    monkeypatch.setenv("TRUEUP_LOG_LEVEL", "debug")
    settings = load_settings(partitions=3)
    assert (settings.kafka_bootstrap, settings.database_url) == ("a:9092,[::1]:9093", None)
    assert (settings.log_level, settings.partitions) == ("DEBUG", 3)


@pytest.mark.parametrize("way", ["HTTP", "KAFKA"])
def test_a_setting_of_once_stops_the_start(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv(f"TRUEUP_SKELETON_ACCOUNTS_{way}", "false")
    with pytest.raises(
        SettingsError, match=f"^TRUEUP_SKELETON_ACCOUNTS_{way} is no setting any more: .*usageBeforeAccount$"
    ):
        load_settings()
