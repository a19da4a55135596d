"""Kafka's jars are used only when exactly the listed ones are there, byte for byte."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.run.stack import jars

LISTED = {"a.jar": b"alpha", "b.jar": b"beta"}
#: Where nothing answers.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two listed jars."""
    listing = tmp_path / "jars.sha256"
    listing.write_text("".join(f"{hashlib.sha256(data).hexdigest()}  org/{name}\n" for name, data in LISTED.items()))
    monkeypatch.setattr(jars, "CHECKSUMS", listing)
    folder = tmp_path / "jars"
    folder.mkdir()
    for name, data in LISTED.items():
        (folder / name).write_bytes(data)
    return folder


def test_whole(folder: Path) -> None:
    assert jars.fault(folder) is None


def test_changed(folder: Path) -> None:
    (folder / "b.jar").write_bytes(b"bet")
    assert jars.fault(folder) == "wrong SHA-256: b.jar"


def test_missing(folder: Path) -> None:
    (folder / "a.jar").unlink()
    assert jars.fault(folder) == "missing: a.jar"


def test_unknown(folder: Path) -> None:
    (folder / "c.jar").write_bytes(b"gamma")
    assert jars.fault(folder) == "not in jars.sha256: c.jar"


def test_the_committed_list_names_kafka() -> None:
    listed = jars.checksums()
    assert f"org/apache/kafka/kafka_2.13/{jars.KAFKA}/kafka_2.13-{jars.KAFKA}.jar" in listed
    assert all(len(digest) == 64 for digest in listed.values())
    assert len({Path(path).name for path in listed}) == len(listed)


def test_jars_are_taken_by_their_paths_and_one_that_is_not_to_be_had_fails(tmp_path: Path) -> None:
    repository, folder = tmp_path / "repository", tmp_path / "jars"
    there, missing = "com/example/deep/one/1.5-2/one-1.5-2.jar", "com/example/two/2/two-2.jar"
    (repository / there).parent.mkdir(parents=True)
    (repository / there).write_bytes(b"one")
    folder.mkdir()

    def fetch(*paths: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | NOWHERE | {"M2_REPO": str(repository), "HOME": str(tmp_path)}
        program = [sys.executable, str(jars.FETCH), str(folder), *paths]
        return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)

    fetched = fetch(there)
    assert fetched.returncode == 0, fetched.stderr
    assert {jar.name: jar.read_bytes() for jar in folder.iterdir()} == {"one-1.5-2.jar": b"one"}
    refused = fetch(there, missing)
    assert refused.returncode == 1
    assert "com/example/two/2/two-2.jar" in refused.stderr


def test_the_certificates_that_the_user_names_count_for_the_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    assert "REQUESTS_CA_BUNDLE" not in jars._environment()
    monkeypatch.setenv("SSL_CERT_FILE", "/mine.pem")
    assert jars._environment()["REQUESTS_CA_BUNDLE"] == "/mine.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/other.pem")
    assert jars._environment()["REQUESTS_CA_BUNDLE"] == "/other.pem"
