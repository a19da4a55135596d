"""One story played by both billers, and where they differ. Of the product only its JSON result is used."""

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import play as play_product
from services.simulate.report import story_json
from services.simulate.story import read_story

from .choosing import as_yaml
from .money import show_number
from .playing import play
from .reading import Thing, absent, load_text

MONEY = ("amountSpent", "amountRemaining", "amountRolledOver", "amountLapsed", "amountUnscheduled")
PERIOD = ("amount", "counted")


def results_of_product(path: Path) -> list[Any]:
    """Every step's result; the text of a refusal for a refused step."""
    story = read_story(path.read_bytes())
    document = json.loads(story_json(path, story.title, play_product(story, MemoryPlayer())))
    return [step["result"] for step in document["steps"]]


def results_of_second(text: str) -> list[Any]:
    return [step.result if step.error is None else step.error for step in play(load_text(text))]


def disagreements(scenario: Thing, folder: Path) -> list[str]:
    text = as_yaml(scenario)
    path = folder / "generated.yaml"
    path.write_text(text, encoding="utf-8")
    gone = {str(step["delete"].get("commitment")) for step in scenario["steps"] if "delete" in step}
    made = [*scenario.get("commitments", []), *(c for s in scenario["steps"] for c in created(s))]
    minimums = {commitment["code"] for commitment in made if commitment.get("commitmentType") == "MINIMUM"}
    theirs, ours = results_of_product(path), results_of_second(text)
    differences = []
    for number, step in enumerate(scenario["steps"]):
        kind = next(iter(step))
        about_both = {"gone": gone, "minimums": minimums, "split": split(theirs[number]) | split(ours[number])}
        product, second = simple(kind, step, theirs[number], about_both), simple(kind, step, ours[number], about_both)
        if product != second:
            differences.append(f"step {number} {kind} {as_text(step[kind])}\n" + explain(product, second))
    return differences


def created(step: Thing) -> list[Thing]:
    return list(step.get("create", {}).get("commitments", []))


def simple(kind: str, step: Thing, result: Any, about_both: dict[str, set[str]]) -> Any:
    """What must agree of a step's result."""
    if isinstance(result, str):
        return "refused"
    if kind in {"bill", "preview", "unbilled"}:
        return bills(result, about_both["gone"], about_both["split"])
    if kind == "commitment":
        return commitment(result, step[kind] in about_both["minimums"])
    return None


def split(result: Any) -> set[str]:
    """Accounts of the bills on which usage is split into two lines, of which one may be at 0."""
    shown = result if isinstance(result, list) else []
    return {bill["account"] for bill in shown if any(line["type"] == "OVERAGE_USAGE" for line in bill["lines"])}


def bills(result: list[Thing], gone: set[str], apart: set[str]) -> Counter[Any]:
    """Every line that is not 0, with its bill's account; `apart` as `split` has them."""
    counts: Counter[Any] = Counter()
    for bill in result:
        separated = bill["account"] in apart
        total = sum((Fraction(line["amount"]) for line in bill["lines"]), Fraction(0))
        assert total == Fraction(bill["total"]), f"the total of {bill} is not its lines' sum"
        for line in bill["lines"]:
            if Fraction(line["amount"]):
                amount = show_number(Fraction(line["amount"]))
                counts[bill["account"], *line_fields(line, separated, gone), amount] += 1
    return counts


def line_fields(line: Thing, separated: bool, gone: set[str]) -> tuple[Any, ...]:
    """Quantities are compared where nothing was split; an OVERAGE_USAGE line need not name a commitment."""
    kind = line["type"]
    quantity = Fraction(line["quantity"]) if kind == "USAGE" and not separated else None
    holder = None if kind == "OVERAGE_USAGE" else line.get("commitment") or line.get("balance")
    if holder is not None and (holder in gone or len(holder) == 36):
        holder = "deleted"
    product = None if kind == "COMMITMENT_FEE" else line.get("product")
    segment = tuple(sorted((line.get("segment") or {}).items())) if kind == "USAGE" else ()
    return (
        kind, None if quantity is None else round(float(quantity), 6), holder, product, segment,
        bool(line.get("trueUp")), tuple(line["period"]), line.get("childAccount"),
    )  # fmt: skip


def commitment(result: Thing, minimum: bool) -> Thing:
    """Which amounts are there is compared too: a minimum has fewer of them."""
    shown: Thing = {name: str(Fraction(str(result[name]))) for name in MONEY if not absent(result.get(name))}
    if not minimum:
        return shown | {"status": result.get("status")}
    for p in result.get("periods", []):
        shown[f"{p['startDate']}..{p['endDate']}"] = {name: str(Fraction(str(p[name]))) for name in PERIOD}
    return shown


def explain(product: Any, second: Any) -> str:
    if isinstance(product, Counter) and isinstance(second, Counter):
        only = [f"    product: {key} x{n}" for key, n in sorted((product - second).items(), key=str)]
        return "\n".join(only + [f"    second:  {key} x{n}" for key, n in sorted((second - product).items(), key=str)])
    return f"    product: {product}\n    second:  {second}"


def as_text(value: Any) -> str:
    return json.dumps(value, default=str)
