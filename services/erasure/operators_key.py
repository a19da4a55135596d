"""The source of a process's operator's key: the settings, else the home with the database."""

import secrets
from pathlib import Path

from services.failures import ExpectedFailure, Worded
from services.personal.keyring import Keyring
from services.run.settings import SECRET_BYTES_LEAST, Settings
from services.whole_file import write_whole

_FILE = "personal.key"
_SECRET_BYTES = 48


class KeyFileError(Worded, ExpectedFailure):
    """the operator's key of personal data, {file}, cannot be read: {why}"""


def keyring_of(settings: Settings) -> Keyring:
    """The operator's key of a process; without a key it can neither seal nor open. Raises: KeyFileError."""
    if settings.personal_key is not None:
        return Keyring(settings.personal_key.get_secret_value())
    file = _file_of(settings)
    try:
        return Keyring(_checked(file, file.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return Keyring()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(file=file, why=error) from error


def _checked(file: Path, text: str) -> str:
    if any(0 < len(line.strip().encode()) < SECRET_BYTES_LEAST for line in text.splitlines()):
        raise KeyFileError(file=file, why=f"a line has less than {SECRET_BYTES_LEAST} bytes")
    return text


def ensure_home_key(settings: Settings) -> None:
    """The key beside a database in the home: made at the first start, and kept; it is on disk before anything is
    encrypted with it. Raises: KeyFileError.
    """
    file = _file_of(settings)
    if settings.database_url is None and not keyring_of(settings).is_there:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, f"{new_line()}\n", 0o600, durable=True)


def new_line() -> str:
    """A new key of the operator's."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def _file_of(settings: Settings) -> Path:
    return settings.home.expanduser().absolute() / _FILE
