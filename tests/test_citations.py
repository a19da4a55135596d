"""What code, tests and docs cite stands in the repository, and every link of the docs leads somewhere."""

import re
from collections import Counter

from projections.explain.explain import NOTHING_DUE
from projections.line_types import LINES, MEMO_TYPES, NOT_DERIVED, TRUE_UP
from tests.citations import ROOT, cited, targets, written

TARGETS = targets()
#: Texts that are not part of the repository.
ELSEWHERE = re.compile(
    r"\b(domain\.md|api\.md|notes\.md|kafka-postgres-notes|scenarios/README)\b|\.\./shared|\(design,"
)


def test_rules_and_decisions_are_numbered_without_a_gap() -> None:
    sections: dict[str, list[int]] = {}
    for kind, number in TARGETS:
        if kind == "rule" and "." in number:
            section, place = number.split(".")
            sections.setdefault(section, []).append(int(place))
    assert {("rule", section) for section in sections} == {
        target for target in TARGETS if target[0] == "rule" and "." not in target[1]
    }
    for places in sections.values():
        assert sorted(places) == list(range(1, len(places) + 1))
    decisions = sorted(int(number) for kind, number in TARGETS if kind == "decision")
    assert decisions == list(range(1, len(decisions) + 1))


def test_what_is_cited_exists() -> None:
    missing = [f"{path}: {kind} {number}" for path, text in written() for kind, number in set(cited(text)) - TARGETS]
    assert not missing, "\n".join(missing)


def test_citations_are_found() -> None:
    found = Counter(kind for _, text in written() for kind, _ in cited(text))
    assert found["rule"] > 200 and found["decision"] > 20 and found["example"] > 40
    assert list(cited("as rules 4.1, 4.3 and 9 say (decision 7)")) == [
        ("rule", "4.1"), ("rule", "4.3"), ("rule", "9"), ("decision", "7"),
    ]  # fmt: skip


def test_nothing_points_outside_the_repository() -> None:
    pointing = [path for path, text in written() if path != "tests/test_citations.py" and ELSEWHERE.search(text)]
    assert not pointing


def test_links_of_the_docs_lead_to_files() -> None:
    broken = []
    for path, text in written():
        if path.endswith(".md"):
            for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
                if "://" not in target and not (ROOT / path).parent.joinpath(target).exists():
                    broken.append(f"{path}: {target}")
    assert not broken


def test_paths_that_the_docs_name_exist() -> None:
    named = re.compile(r"`((?:events|projections|services|tests|docs|benchmarks|deploy|examples)/[\w./-]*\w/?)`")
    missing = [
        f"{path}: {name}"
        for path, text in written()
        if path.endswith(".md") and path != "docs/examples.md"  # which names other systems' files
        for name in named.findall(text)
        if not (ROOT / name).exists()
    ]
    assert not missing, "\n".join(missing)


def test_every_explanation_cites_rules() -> None:
    every = [*(row.rule for row in LINES.values()), TRUE_UP, NOTHING_DUE]
    silent = {text for text in every if not list(cited(text))}
    assert silent == {NOT_DERIVED, *(LINES[memo].rule for memo in MEMO_TYPES)}
    assert {citation for text in every for citation in cited(text)} <= TARGETS
