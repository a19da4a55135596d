"""A file with a secret is for its owner's eyes, whatever stood there before."""

import stat
from pathlib import Path

from services.run.private_file import write_private


def test_it_does_not_take_over_the_rights_of_what_it_replaces(tmp_path: Path) -> None:
    file = tmp_path / "addresses.json"
    file.write_text("of an earlier version, for everybody")
    file.chmod(0o644)
    (tmp_path / "addresses.json.draft").write_text("of one that was killed")
    write_private(file, "secret")
    assert file.read_text() == "secret" and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["addresses.json"]
