"""Every command of the how-to pages runs, in order, in one shell, and answers what the page says."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.examples.conftest import Reader
from tests.examples.pages import PAGES, WORKED, Block, blocks_of, fits

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
#: Ends what a block says; no command prints it.
MARK = "\x1e"
TRIES = 50


class Shell:
    """A POSIX shell that a reader types into."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def says(self, commands: str) -> str:
        """What they print, on both outputs. Fails when one of them does."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{commands}\nprintf '{MARK}'\n".encode())
        said = b""
        while not said.endswith(MARK.encode()):
            part = await self._process.stdout.read(65536)
            assert part, f"it ended with {await self._process.wait()}: {commands}\n{said.decode()}"
            said += part
        return said.decode().removesuffix(MARK)


async def played(reader: Reader, typed: Shell, block: Block) -> str:
    """What a block says; one that only reads is asked again as long as what was sent before is on its way."""
    await reader.until_projected()
    said = await typed.says(block.commands)
    for _ in range(TRIES if block.only_reads else 0):
        if fits(block, said):
            break
        await asyncio.sleep(0.1)
        said = await typed.says(block.commands)
    return said


#: What starts a command, and with it a process, for each of very many blocks.
SLOW = ("how-to-audit", "how-to-export")


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.long) if page.stem in SLOW else page for page in PAGES],
    ids=lambda page: page.stem,
)
async def test_a_page_is_true(reader: Reader, page: Path) -> None:
    await assert_true(reader, page, blocks_of(page))


async def test_the_worked_example_of_webhooks_is_true(reader: Reader, unused_tcp_port: int) -> None:
    await assert_true(reader, WORKED[0], blocks_of(*WORKED), WEBHOOK_PORT=str(unused_tcp_port))


async def assert_true(reader: Reader, page: Path, blocks: Sequence[Block], **environment: str) -> None:
    wrong = []
    async with reader.starts("sh", "-e", **environment) as process:
        typed = Shell(process)
        for block in blocks:
            said = await played(reader, typed, block)
            if not fits(block, said):
                wrong.append(f"{page.name}:{block.line}:\n{block.commands}\nsays\n{said}")
    assert not wrong, "\n".join(wrong)


def test_there_is_a_page_for_each_user() -> None:
    assert [page.stem for page in PAGES] == ["how-to-audit", "how-to-export", "how-to-invoice", "how-to-publish-usage"]
    for page in PAGES:
        questions = [line for line in page.read_text().splitlines() if line.startswith("## ")]
        assert len(questions) >= 8 and all(line.endswith("?") for line in questions)
        assert len(blocks_of(page)) >= len(questions) - 2, "a question is answered by what runs"


def test_what_a_page_says_wrongly_is_found() -> None:
    told = Block(1, "", "json", '{"a": [{"b": 1.50}, "..."], "c": "..."}')
    assert fits(told, '{"a": [{"b": 1.5, "x": 0}, 7], "c": null, "d": 0}')
    for other in ('{"a": [{"b": 1.51}, 7], "c": 0}', '{"a": [{"b": 1.5}], "c": 0}', '{"a": [{"b": 1.5}, 7]}', "no"):
        assert not fits(told, other)
    assert not fits(Block(1, "", "json", '{"a": true}'), '{"a": 1}')
    lines = Block(1, "", "text", "audit: ... bills\n1 of 2\n")
    assert fits(lines, "audit: 7 accounts, 3 bills\n1 of 2")
    assert not fits(lines, "audit: 7 bills\n1 of 3") and not fits(lines, "audit: 7 bills")
