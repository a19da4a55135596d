"""The access keys of one machine: `trueup up` makes them at its first start, and tools find them in the home directory
of the installation (TRUEUP_HOME).
"""

import json
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from services.access.keys import NewKey, create_key, find_keys, is_any_key
from services.access.scopes import ALL
from services.access.tokens import EVERY
from services.failures import ExpectedFailure, Worded
from services.postgres import connected
from services.run.private_file import write_private
from services.run.settings import Settings

FILE = "keys.json"
#: The organization of the first key; it is created like any other.
ORGANIZATION = "local"
_CONFIG = (
    '{"timezone": "UTC", "currency": "USD", "yearEpoch": "2026-01-01", "monthEpoch": "2026-01-01",'
    ' "weekEpoch": "2026-01-05", "dayEpoch": "2026-01-01", "daysBeforeBillDue": 30}'
)
_LABEL, _OPERATORS_LABEL = "made by trueup up", "made by trueup up, for tools of this machine"


class NoKeysError(Worded, ExpectedFailure):
    """the API would listen on {host}, where others reach it, and there is no access key yet: \
make one with `trueup keys create --organization NAME`, or start once on loopback"""


class NoCredentialsError(Worded, ExpectedFailure):
    """no access key: set TRUEUP_API_KEY and TRUEUP_API_SECRET, or TRUEUP_HOME to where `trueup up` runs \
({file} is not there)"""


class KeysFileError(Worded, ExpectedFailure):
    """the access keys of this machine, {file}, {what}"""


@dataclass(frozen=True, slots=True)
class LocalKey:
    """An access key with its secret."""

    organization: str
    access_key_id: str
    api_secret: str


@dataclass(frozen=True, slots=True)
class LocalKeys:
    """The content of the file: a key of one organization, for people, and an operator's key, for tools that create
    organizations themselves.
    """

    key: LocalKey
    operator: LocalKey
    file: Path
    #: Whether they were made just now.
    are_new: bool = False


def file_of(home: Path) -> Path:
    """The path of the file in a home."""
    return home.expanduser().absolute() / FILE


def credentials(settings: Settings) -> LocalKey:
    """The key that a tool signs in with: the environment's, else the operator's key of this home.

    Raises: NoCredentialsError, KeysFileError.
    """
    if settings.api_key is not None and settings.api_secret is not None:
        return LocalKey("", settings.api_key, settings.api_secret.get_secret_value())
    keys = read_local_keys(settings.home)
    if keys is None:
        raise NoCredentialsError(file=file_of(settings.home))
    return keys.operator


def operators(keys: LocalKeys | None, settings: Settings) -> LocalKey:
    """The key that a tool signs in with at a system that runs with these keys; without keys as `credentials`.

    Raises: NoCredentialsError, KeysFileError.
    """
    return credentials(settings) if keys is None else keys.operator


def read_local_keys(home: Path) -> LocalKeys | None:
    """The keys of a home; None if it has none. Raises: KeysFileError."""
    file = file_of(home)
    try:
        document = json.loads(file.read_text())
        return LocalKeys(_read(document["key"]), _read(document["operator"]), file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise KeysFileError(file=file, what=f"cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError):
        raise KeysFileError(file=file, what="is damaged: delete it, and `trueup up` makes new ones") from None


async def prepare_access(settings: Settings, database_url: str) -> LocalKeys | None:
    """Prepare access before an API starts on this machine. On loopback: the keys of this home, newly made if it has no
    valid ones. On any other address: the keys of this home, if any.

    Raises: NoKeysError for another address than loopback if there is no valid key at all; KeysFileError.
    """
    async with connected(database_url) as connection:
        if is_loopback(settings.api_host):
            return await ensure_local_keys(connection, settings.home)
        await check_host(connection, settings.api_host)
        return read_local_keys(settings.home)


async def ensure_local_keys(connection: Any, home: Path) -> LocalKeys:
    """The keys of this home, newly made unless the database knows them. Raises: KeysFileError."""
    keys = read_local_keys(home)
    if keys is not None and await _are_good(connection, keys):
        return keys
    async with connection.transaction():
        mine = await create_key(connection, ORGANIZATION, ALL, _LABEL)
        operators = await create_key(connection, EVERY, ALL, _OPERATORS_LABEL)
        made = LocalKeys(_credentials(mine), _credentials(operators), file_of(home), are_new=True)
        _write(made)
    return made


def _credentials(made: NewKey) -> LocalKey:
    return LocalKey(made.key.organization, made.key.id, made.secret)


async def _are_good(connection: Any, keys: LocalKeys) -> bool:
    ids = {keys.key.access_key_id, keys.operator.access_key_id}
    return ids == (await find_keys(connection, ids)).keys()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def check_host(connection: Any, host: str) -> None:
    """Check that the API may listen on this host: on loopback, or if there is a valid key. Raises: NoKeysError."""
    if not is_loopback(host) and not await is_any_key(connection):
        raise NoKeysError(host=host)


def told(keys: LocalKeys | None, url: str) -> str:
    """The lines of `trueup up` about keys: at the first start all that is needed to begin, later the path of their
    file.
    """
    if keys is None:
        return ""
    if not keys.are_new:
        return f"keys      {keys.file}\n"
    key, below = keys.key, f"{url}/organizations/{keys.key.organization}"
    asking = f"curl -su {key.access_key_id}:{key.api_secret} -d grant_type=client_credentials {url}/oauth/token"
    return (
        f"key       organization {key.organization}, access key id {key.access_key_id}, API secret {key.api_secret}\n"
        f"          also in {keys.file}, for your eyes only\n"
        "begin     two lines, which sign in and bring the organization into being:\n"
        f"TOKEN=$({asking} | cut -d'\"' -f4)\n"
        f'curl -X PUT -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d \'{_CONFIG}\' '
        f"{below}/organizationconfig\n"
    )


def _document(key: LocalKey) -> dict[str, str]:
    """The key with the names that `trueup keys create --json` uses."""
    return {"organizationId": key.organization, "accessKeyId": key.access_key_id, "apiSecret": key.api_secret}


def _read(document: dict[str, str]) -> LocalKey:
    return LocalKey(document["organizationId"], document["accessKeyId"], document["apiSecret"])


def _write(keys: LocalKeys) -> None:
    """Write the file, readable only for the user who runs this. Raises: KeysFileError."""
    document = {"key": _document(keys.key), "operator": _document(keys.operator)}
    try:
        keys.file.parent.mkdir(parents=True, exist_ok=True)
        write_private(keys.file, json.dumps(document, indent=2))
    except OSError as error:
        raise KeysFileError(file=keys.file, what=f"cannot be written: {error.strerror}") from error
