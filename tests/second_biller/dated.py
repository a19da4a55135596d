"""Standing charges and minimum spends change from a day on; everything else of the catalog changes for always."""

from datetime import date

from .reading import Thing, absent, money_or_zero, num

NAMES = ("standingCharge", "minimumSpend")
KINDS = ("plans", "planTemplates", "planGroups")


class Dated:
    """Every value that was ever commanded, in the order of the commands, each with the day from which it holds."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str, str], list[tuple[date, object]]] = {}

    def made(self, kind: str, thing: Thing) -> None:
        if kind in KINDS:
            for name in NAMES:
                self.values[(kind, str(thing["code"]), name)] = [(date.min, thing.get(name))]

    def changed(self, kind: str, thing: Thing, since: date) -> None:
        """Only a value that differs from the one commanded before it is a change."""
        if kind in KINDS:
            for name in NAMES:
                values = self.values[(kind, str(thing["code"]), name)]
                if not same(values[-1][1], thing.get(name)):
                    values.append((since, thing.get(name)))

    def on(self, kind: str, code: str, name: str, start: date) -> object:
        """Of the changes that hold for what starts on this day, the one commanded last."""
        held = [value for since, value in self.values.get((kind, code, name), []) if since <= start]
        return held[-1] if held else None

    def ever(self, kind: str, code: str, name: str) -> bool:
        return any(money_or_zero(value) for _, value in self.values.get((kind, code, name), []))


def same(one: object, other: object) -> bool:
    if absent(one) or absent(other):
        return absent(one) and absent(other)
    return num(one) == num(other)
