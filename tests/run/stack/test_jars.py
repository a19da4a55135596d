"""Kafka's jars are used only when exactly the listed ones are there, byte for byte."""

import hashlib
from pathlib import Path

import pytest

from services.run.stack import jars

LISTED = {"a.jar": b"alpha", "b.jar": b"beta"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two listed jars."""
    listing = tmp_path / "jars.sha256"
    listing.write_text("".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in LISTED.items()))
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
    names = jars.checksums()
    assert f"kafka_2.13-{jars.KAFKA}.jar" in names
    assert all(len(digest) == 64 for digest in names.values())


def test_the_certificates_that_the_user_names_count_for_the_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    assert "REQUESTS_CA_BUNDLE" not in jars._environment()
    monkeypatch.setenv("SSL_CERT_FILE", "/mine.pem")
    assert jars._environment()["REQUESTS_CA_BUNDLE"] == "/mine.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/other.pem")
    assert jars._environment()["REQUESTS_CA_BUNDLE"] == "/other.pem"
