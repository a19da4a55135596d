"""docs/settlement.md as data: its rules, what each must have, and its tables held against the stories they link.

A rule is a `###` heading under a `##` section. It names the module that it lives in, links a story under
tests/scenarios and shows in tables what comes of it; a table belongs to the last story linked above it. Its header says
what it is, and every label in its first column stands there with all its rows:

    bill | line | service period | quantity | amount                  each line of the bill, and its total
    bill | slice from | charge | owes | order | commitment | draws    each slice, and who paid for it or why not
    after bill | commitment | amountSpent | ...                       commitments and balances; any columns of STATES
    after bill | commitment | period | amount | counted | shortfall | trueUp | state    each period of the minimums
    after bill | unpriced | quantity | days                           usage that no price holds for
    step | refused because                                            a step that was refused

A label is the date of the run, `<date> preview` or `<date> unbilled`; the second of a day ends with ` (2)`. Where a
story bills several accounts or currencies, they follow the label; so does a child that has a bill of its own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.simulate.yaml_lines import ScenarioError
from tests.settlement_doc_played import STATES, Row, Rows, Shown, shown

ROOT = Path(__file__).parent.parent
DOC = ROOT / "docs" / "settlement.md"
BILL = ("bill", "line", "service period", "quantity", "amount")
SLICES = ("bill", "slice from", "charge", "owes", "order", "commitment", "draws")
PERIODS = ("after bill", "commitment", "period", "amount", "counted", "shortfall", "trueUp", "state")
UNPRICED = ("after bill", "unpriced", "quantity", "days")
REFUSED = ("step", "refused because")
_RIGHT = {"quantity", "amount", "owes", "order", "counted", "shortfall", "trueUp", *STATES} - {"status"}
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
_ANCHOR = re.compile(r"\]\(#([^)]*)\)")
_MODULE = re.compile(r"`((?:events|projections|services)/[\w/]+\.py)`")
_RULER = re.compile(r"\|(?:\s*:?-+:?\s*\|)+")


@dataclass(slots=True)
class Table:
    """A table as it stands: `line` is that of its header, `story` the last link above it, if there is one."""

    line: int
    story: str | None
    columns: Row
    ruled: bool = False
    rows: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Rule:
    """A heading with what stands under it. `level` is 2 for a section, 3 for a rule."""

    title: str
    line: int
    level: int
    links: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    @property
    def stories(self) -> list[str]:
        """The links to stories, in order."""
        return [link for link in self.links if link.endswith(".yaml")]


def parse(text: str) -> list[Rule]:
    """The document's headings, in order; what stands before the first `##` belongs to its title."""
    rules = [Rule("the beginning", 1, 1)]
    table: Table | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            rules.append(Rule(line.lstrip("# "), number, level))
        rule = rules[-1]
        rule.links += _LINK.findall(line)
        rule.modules += _MODULE.findall(line)
        if not line.startswith("|"):
            table = None
        elif table is None:
            table = Table(number, rule.stories[-1] if rule.stories else None, _cells(line))
            rule.tables.append(table)
        elif number == table.line + 1:
            table.ruled = _RULER.fullmatch(line.strip()) is not None
        else:
            table.rows.append(_cells(line))
    return rules


def _cells(line: str) -> Row:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))


def problems(text: str) -> list[str]:
    """All that is wrong with the document, each with its line; a table that differs is told as it should be."""
    rules = parse(text)
    anchors = {re.sub(r"[^\w -]", "", rule.title.lower()).replace(" ", "-") for rule in rules}
    lost = [f"no heading has the anchor #{name}" for name in _ANCHOR.findall(text) if name not in anchors]
    return lost + [text for number, rule in enumerate(rules) for text in _wrong(rule, rules[number + 1 :])]


def _wrong(rule: Rule, later: Sequence[Rule]) -> Iterator[str]:
    where = f"line {rule.line}, {rule.title}"
    for link in rule.links:
        if "://" not in link and not (DOC.parent / link).exists():
            yield f"{where}: the link {link} is dead"
    for module in rule.modules:
        if not (ROOT / module).exists():
            yield f"{where}: there is no module {module}"
    if rule.level == 2 and not (later and later[0].level == 3):
        yield f"{where}: a section without a rule"
    if rule.level >= 3:
        missing = [("a table", rule.tables), ("a module", rule.modules), ("a story", rule.stories)]
        yield from (f"{where}: a rule without {what}" for what, is_there in missing if not is_there)
    for table in rule.tables:
        yield from _wrong_table(table)


def _wrong_table(table: Table) -> Iterator[str]:
    where = f"line {table.line}"
    if table.story is None:
        yield f"{where}: a table without a story"
        return
    if not table.ruled:
        yield f"{where}: no ruler under its header"
        return
    if not is_known(table.columns):
        yield f"{where}: no known table has the columns {' | '.join(table.columns)}"
        return
    path = (DOC.parent / table.story).resolve()
    try:
        rows = rows_of(shown(path), table.columns)
    except (AssertionError, ScenarioError, OSError) as error:
        yield f"{where}: {table.story}: {error}"
        return
    labels = list(dict.fromkeys(label_in(row[0], rows) for row in table.rows))
    if not table.rows or None in labels:
        yield f"{where}: {table.story} shows {', '.join(rows) or 'nothing of the kind'}; the table names something else"
        return
    due = [row for label in labels for row in rows[label or ""]]
    if due != table.rows:
        yield f"{where}: {path.name} shows\n{markdown(table.columns, due)}"


def is_known(columns: Row) -> bool:
    """Whether these are the columns of a table that can be checked."""
    if columns in (BILL, SLICES, PERIODS, UNPRICED, REFUSED):
        return True
    return columns[:2] == ("after bill", "commitment") and len(columns) > 2 and set(columns[2:]) <= set(STATES)


def rows_of(story: Shown, columns: Row) -> Rows:
    """All rows that a table of these columns could show of the story, by label; labels without rows are left out."""
    rows_by_columns = {BILL: story.bills, SLICES: story.slices, PERIODS: story.periods}
    rows_by_columns |= {UNPRICED: story.unpriced, REFUSED: story.refusals}
    rows_found = rows_by_columns[columns] if columns in rows_by_columns else _states(story, columns[2:])
    return {label: rows for label, rows in rows_found.items() if rows}


def _states(story: Shown, columns: Row) -> Rows:
    return {
        label: [(label, code, *(STATES[name](state) for name in columns)) for code, state in states.items()]
        for label, states in story.states.items()
    }


def label_in(cell: str, rows: Rows) -> str | None:
    """The label that a first cell names: itself, or the longest that it begins with (an account may follow)."""
    fits = [label for label in rows if cell == label or cell.startswith(f"{label} ")]
    return max(fits, key=len, default=None)


def markdown(columns: Row, rows: Sequence[Row]) -> str:
    """The table, ready to be pasted."""
    lines = ["| " + " | ".join(columns) + " |"]
    lines.append("| " + " | ".join("---:" if name in _RIGHT else "---" for name in columns) + " |")
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(re.sub(r" {2,}", " ", line) for line in lines)
