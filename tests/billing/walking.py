"""m3ter's own client, called by name, with every call that was made."""

from typing import Any

from m3ter import AsyncM3ter


class Walk:
    """The calls that were made."""

    def __init__(self, sdk: AsyncM3ter) -> None:
        self.sdk = sdk
        self.made: list[str] = []

    async def call(self, called: str, /, *arguments: Any, **more: Any) -> Any:
        """Make the call and return what it answers; of a list, its entries."""
        self.made.append(called)
        method: Any = self.sdk
        for part in called.split("."):
            method = getattr(method, part)
        asked = method(*arguments, **more)
        if hasattr(asked, "__aiter__"):
            return [entry async for entry in asked]
        return await asked

    async def lives(self, module: str, *, keep: bool = False, balance: str | None = None, **fields: Any) -> str:
        """Create, read, list, update and, unless it is kept, delete one, perhaps of a balance; returns its id."""
        path, below = ([], {}) if balance is None else ([balance], {"balance_id": balance})
        made = await self.call(f"{module}.create", *path, **fields)
        assert (await self.call(f"{module}.retrieve", made.id, **below)).to_dict() == made.to_dict()
        assert made.id in [entry.id for entry in await self.call(f"{module}.list", *path)]
        updated = await self.call(f"{module}.update", made.id, **below, **fields, version=made.version)
        assert updated.version == 2
        if not keep:
            assert (await self.call(f"{module}.delete", made.id, **below)).id == made.id
        return str(made.id)
