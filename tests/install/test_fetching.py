"""How pip's settings are told to uv, by value."""

import subprocess
import sys
from pathlib import Path

import pytest
from fetching import parse_pip_settings, pip_environment, read_pip_settings, uv_environment, uv_flags

CASES = [
    ("index-url", "https://u:p@mirror.example/simple", {"UV_DEFAULT_INDEX": "https://u:p@mirror.example/simple"}),
    ("extra-index-url", "\nhttps://a.example\nhttps://b.example", {"UV_EXTRA_INDEX_URL": "https://a.example https://b.example"}),
    ("find-links", "https://a.example/wheels /no/such/folder /", {"UV_FIND_LINKS": "https://a.example/wheels,/"}),
    ("trusted-host", "a.example b.example:8080", {"UV_INSECURE_HOST": "a.example b.example:8080"}),
    ("timeout", "14.2", {"UV_HTTP_TIMEOUT": "15"}),
    ("retries", "2", {"UV_HTTP_RETRIES": "2"}),
    ("cert", "/some/bundle.pem", {"SSL_CERT_FILE": "/some/bundle.pem"}),
    ("cert", "/", {"SSL_CERT_DIR": "/"}),
    ("client-cert", "/some/client.pem", {"SSL_CLIENT_CERT": "/some/client.pem"}),
    ("proxy", "http://proxy.example:3128", {"HTTPS_PROXY": "http://proxy.example:3128", "http_proxy": "http://proxy.example:3128"}),
    ("keyring-provider", "subprocess", {"UV_KEYRING_PROVIDER": "subprocess"}),
    ("no-cache-dir", "true", {"UV_NO_CACHE": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("option", "text", "told"), CASES)
def test_each_setting_has_its_variable(option: str, text: str, told: dict[str, str]) -> None:
    assert told.items() <= uv_environment({}, {option: text}).items()


@pytest.mark.parametrize(
    ("option", "text", "own"),
    [
        ("index-url", "https://pip.example", {"UV_INDEX_URL": "https://uv.example"}),
        ("index-url", "https://pip.example", {"UV_DEFAULT_INDEX": "https://uv.example"}),
        ("extra-index-url", "https://pip.example", {"UV_INDEX": "https://uv.example"}),
        ("timeout", "7", {"UV_HTTP_TIMEOUT": "90"}),
    ],
)
def test_what_uv_is_told_itself_counts(option: str, text: str, own: dict[str, str]) -> None:
    told = uv_environment(own, {option: text})
    assert own.items() <= told.items()
    assert text not in told.values()


def test_an_empty_variable_says_nothing() -> None:
    assert uv_environment({"UV_INDEX_URL": ""}, {"index-url": "https://a.example"}).get("UV_INDEX_URL") is None


def test_no_index_is_a_flag() -> None:
    assert uv_flags({"no-index": "yes"}) == ["--no-index"]
    assert uv_flags({"no-index": "false"}) == uv_flags({}) == []


def test_no_other_setting_gets_through() -> None:
    disturbing = {
        "PIP_TARGET": "/t",
        "PIP_USER": "1",
        "UV_CONSTRAINT": "c",
        "UV_EXCLUDE_NEWER": "2020-01-01",
        "HOME": "/h",
    }
    told = pip_environment(disturbing, {"timeout": "5"})
    assert {name for name in told if name.startswith("PIP_")} == {"PIP_TIMEOUT", "PIP_CONFIG_FILE"}
    assert (told["PIP_TIMEOUT"], told["PIP_CONFIG_FILE"]) == ("5", "/dev/null")
    told = uv_environment(disturbing, {})
    assert "UV_CONSTRAINT" not in told
    assert "UV_EXCLUDE_NEWER" not in told
    assert (told["HOME"], told["UV_NO_CONFIG"], told["UV_PYTHON_DOWNLOADS"]) == ("/h", "1", "never")


def test_certificates_that_pip_takes_from_the_environment_are_uvs_too() -> None:
    assert uv_environment({"REQUESTS_CA_BUNDLE": "/r.pem"}, {})["SSL_CERT_FILE"] == "/r.pem"
    assert uv_environment({"REQUESTS_CA_BUNDLE": "/r.pem", "SSL_CERT_FILE": "/s.pem"}, {})["SSL_CERT_FILE"] == "/s.pem"
    assert uv_environment({"SSL_CERT_FILE": "/s.pem"}, {"cert": "/pip.pem"})["SSL_CERT_FILE"] == "/pip.pem"


def test_variables_come_before_the_install_section_and_that_before_the_global_one() -> None:
    told = ":env:.timeout='3'\nglobal.proxy='g'\nglobal.timeout='1'\ninstall.proxy='i'\ninstall.timeout='2'\n"
    assert parse_pip_settings(told + "list.proxy='l'\n") == {"timeout": "3", "proxy": "i"}


def test_pips_own_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = tmp_path / "pip.conf"
    conf.write_text(
        "[global]\ndefault-timeout = 77\nindex_url = https://a.example/simple\nuser = true\n[install]\nretries = 1\n"
    )
    for name in ("PIP_DEFAULT_TIMEOUT", "PIP_TIMEOUT", "PIP_INDEX_URL", "PIP_RETRIES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(conf))
    monkeypatch.setenv("PIP_INDEX_URL", "https://b.example/simple")
    settings = read_pip_settings(Path(sys.executable))
    assert settings is not None
    assert {option: settings[option] for option in ("timeout", "index-url", "retries")} == {
        "timeout": "77", "index-url": "https://b.example/simple", "retries": "1",
    }  # fmt: skip
    assert "user" not in settings


def test_of_a_python_or_a_pip_that_does_not_run_there_are_none(tmp_path: Path) -> None:
    assert read_pip_settings(tmp_path / "python") is None
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], timeout=60, check=True)
    assert read_pip_settings(tmp_path / "venv" / "bin" / "python") is None


def test_the_committed_files_name_no_address() -> None:
    root = Path(__file__).parent.parent.parent
    files = subprocess.run(
        ["git", "ls-files", "*.lock", "deploy", "Makefile"], cwd=root, capture_output=True, text=True, check=False
    )
    assert all("://" not in (root / name).read_text() for name in files.stdout.split())
