"""Every process of ours may open as many files as its host allows: each waiting client is one."""

import subprocess
import sys

CODE = """
import resource
from services.run.process import raise_file_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
raise_file_limit()
raise_file_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE) == (min(hard, 65536), hard))
"""


def test_the_limit_of_open_files_is_raised() -> None:
    assert subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout == "True\n"
