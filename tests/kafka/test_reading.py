"""A reader that is closed as soon as it is open harms nobody."""

import pytest

from services.kafka import LogReader
from services.stack import Stack

pytestmark = pytest.mark.stack


async def test_what_ends_the_block_of_a_young_reader_is_what_is_raised(stack: Stack) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with LogReader(stack.endpoints.kafka_bootstrap):
                raise ZeroDivisionError
