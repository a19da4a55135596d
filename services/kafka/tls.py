"""TLS to brokers: a context made of files, which are read again once they have changed."""

import os
import ssl
from functools import lru_cache

from services.failures import ExpectedFailure, Worded
from services.kafka.cluster import Tls


class TlsFileError(Worded, ExpectedFailure):
    """TRUEUP_KAFKA_{name} names {file}, {what}"""

    def __init__(self, name: str, file: str | None, what: str) -> None:
        super().__init__(name=name, file=file, what=what)


def tls_context(tls: Tls) -> ssl.SSLContext:
    """The context of whoever connects now: brokers' names are checked, and what is older than TLS 1.2 is refused.

    Certificates that are renewed in place are taken by the next client that is made. Raises: TlsFileError.
    """
    return _made(tls, tuple(_changed(name, file) for name, file in _files(tls)))


def _files(tls: Tls) -> list[tuple[str, str]]:
    named = ("CA_FILE", tls.ca_file), ("CERTIFICATE_FILE", tls.certificate_file), ("KEY_FILE", tls.key_file)
    return [(name, file) for name, file in named if file is not None]


def _changed(name: str, file: str) -> int:
    """When it was, in ns. Raises: TlsFileError if it cannot be read."""
    try:
        with open(file, "rb") as opened:
            return os.fstat(opened.fileno()).st_mtime_ns
    except OSError as error:
        raise TlsFileError(name, file, f"which cannot be read: {error.strerror}") from error


@lru_cache(maxsize=8)  # it takes a hundred times as long to read what the machine trusts as to connect
def _made(tls: Tls, changed: tuple[int, ...]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except ssl.SSLError as error:
        raise TlsFileError("CA_FILE", tls.ca_file, "which holds no certificate in PEM form") from error
    if tls.certificate_file is not None:
        _prove(context, tls)
    return context


def _prove(context: ssl.SSLContext, tls: Tls) -> None:
    assert tls.certificate_file is not None
    try:
        # Without a password of any kind OpenSSL would ask for one on the terminal.
        context.load_cert_chain(tls.certificate_file, tls.key_file, tls.key_password or "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            what = "whose key is another one than that of TRUEUP_KAFKA_KEY_FILE"
        elif tls.key_file is None:
            what = (
                "which does not hold both a certificate and its key in PEM form, or TRUEUP_KAFKA_KEY_PASSWORD is wrong"
            )
        else:
            what = (
                f"and TRUEUP_KAFKA_KEY_FILE {tls.key_file}: they are no certificate and key in PEM form, or"
                " TRUEUP_KAFKA_KEY_PASSWORD is not the key's"
            )
        raise TlsFileError("CERTIFICATE_FILE", tls.certificate_file, what) from error
