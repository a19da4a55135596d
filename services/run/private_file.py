"""Files with secrets, in a home that others may enter."""

import os
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Write a file that only the user who runs this can read. It appears whole, in place of one of that name, whose
    rights it does not take over. Raises: OSError.
    """
    draft = file.with_name(f"{file.name}.draft")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
    draft.rename(file)
