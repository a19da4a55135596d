"""`trueup demo --trace` with a bad file ends at once, with one line that names file, line and rule."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from services.demo.cli import demo
from services.demo.trace_file import TraceError, read_trace

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
ROW = "2023-11-16 18:15:46.6805900,374,44\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: column TIMESTAMP is missing; wanted TIMESTAMP, ContextTokens, GeneratedTokens"),
        (HEADER, "holds no requests"),
        ("TIMESTAMP,ContextTokens\n2023-11-16,1\n", "line 1: column GeneratedTokens is missing"),
        (HEADER + ROW + "2023-11-16,many,44\n", "line 3: ContextTokens must be a whole number from 0, it is 'many'"),
        (HEADER + "2023-11-16,1,-5\n", "line 2: GeneratedTokens must be a whole number from 0, it is '-5'"),
        (HEADER + "2023-11-16,1\n", "line 2: GeneratedTokens must be a whole number from 0, it is None"),
        (HEADER + "yesterday,1,2\n", "line 2: TIMESTAMP must be a date-time, it is 'yesterday'"),
        (HEADER.encode() + b"\xff\xfe,1,2\n", "cannot be read"),
    ],
)
def test_a_bad_trace_is_told_file_line_and_rule(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    failure = CliRunner().invoke(demo, ["--trace", str(path)]).exception
    assert isinstance(failure, TraceError), "an ExpectedFailure is printed as its message, without a traceback"
    message = str(failure)
    assert message.startswith(f"{path}: {said}")
    assert "\n" not in message


def test_a_missing_trace_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"nothing\.csv: cannot be read"):
        read_trace(tmp_path / "nothing.csv")


def test_a_byte_order_mark_is_harmless(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(HEADER + ROW, encoding="utf-8-sig")
    [request] = read_trace(path)
    assert (request.context_tokens, request.generated_tokens) == (374, 44)
