"""Alerts, dashboard and runbook speak of numbers that some process shows, and of each other."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.contracts.metrics_page import GROUPS, described

ROOT = Path(__file__).parent.parent.parent
ALERTS, TRIED = ROOT / "deploy" / "alerts.yaml", ROOT / "deploy" / "alerts_test.yaml"
DASHBOARD, RUNBOOK = ROOT / "deploy" / "grafana" / "trueup.json", ROOT / "docs" / "runbook.md"
#: Of each type, how its samples are called.
SAMPLES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
#: What Prometheus itself knows of every sample, and of a bucket.
ALWAYS = {"instance", "job", "le"}
#: Shown by the library.
OF_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}
PROMTOOL = shutil.which("promtool")


def shown() -> dict[str, set[str]]:
    """Each sample of ours, and its labels."""
    samples: dict[str, set[str]] = {}
    for _, registry in GROUPS:
        for metric, labels in described(registry):
            samples |= {metric.name + end: set(labels) for end in SAMPLES[metric.type]}
    return samples


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def asked() -> Iterator[tuple[str, str]]:
    """Every expression, and where it stands."""
    yield from ((f"alert {rule['alert']}", rule["expr"]) for rule in rules())
    yield from ((f"panel {panel['title']}", target["expr"]) for panel in panels() for target in panel["targets"])


NAME = r"\b((?:trueup|process)_[a-z_]+)\b"


def named(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each sample that an expression names, and the labels by which it is told apart."""
    for name, matchers in re.findall(NAME + r"(?:\{([^}]*)\})?", expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))


def test_all_that_alerts_and_dashboard_ask_for_is_shown_by_some_process_with_these_labels() -> None:
    samples, seen = shown(), set[str]()
    for where, expression in asked():
        named_here = list(named(expression))
        assert named_here, where
        for name, labels in named_here:
            seen.add(name)
            assert name in samples or name in OF_PROCESS, f"{where}: nobody shows {name}"
            assert labels <= samples.get(name, set()) | ALWAYS, f"{where}: {name} has no label of {labels}"
        grouped = {label for text in re.findall(r"\bby \(([^)]*)\)", expression) for label in text.split(", ")}
        having = set().union(*(samples.get(name, set()) for name, _ in named_here)) | ALWAYS
        assert grouped <= having, f"{where}: nothing has {grouped - having}"
    assert len(seen) > 40


def test_every_number_is_looked_at_by_the_dashboard_or_an_alert() -> None:
    seen = {name for _, expression in asked() for name, _ in named(expression)}
    for _, registry in GROUPS:
        for metric, _ in described(registry):
            assert seen & {metric.name + end for end in SAMPLES[metric.type]}, f"nobody looks at {metric.name}"


def test_every_number_says_what_it_tells() -> None:
    for _, registry in GROUPS:
        for metric, _ in described(registry):
            assert len(metric.documentation) > 20 and metric.documentation.endswith("."), metric.name
            assert re.fullmatch(r"trueup(_[a-z]+)+", metric.name)


def test_every_alert_has_an_entry_of_the_runbook_and_every_entry_an_alert() -> None:
    names = [rule["alert"] for rule in rules()]
    entries = re.findall(r"^### (\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert len(names) == len(set(names)) > 20
    assert sorted(entries) == sorted(names)
    for text in re.split(r"^#+ .*$", RUNBOOK.read_text(), flags=re.MULTILINE)[2:]:
        assert not text.strip() or len(text.split()) > 20
    for mentioned in re.findall(r"\bTrueup[A-Z]\w+", RUNBOOK.read_text()):
        assert mentioned in names


def test_every_alert_says_who_is_woken_and_what_it_is_about() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"]


def test_every_alert_is_tried_with_what_has_to_raise_it() -> None:
    tried = [
        tried_expression
        for test in yaml.safe_load(TRIED.read_text())["tests"]
        for tried_expression in test["promql_expr_test"]
    ]
    raised = {
        name
        for tried_expression in tried
        if tried_expression["exp_samples"]
        for name in re.findall(r'alertname="(\w+)"', tried_expression["expr"])
    }
    assert raised == {rule["alert"] for rule in rules()}


def test_the_dashboard_says_of_each_panel_what_it_shows_and_no_panel_lies_on_another() -> None:
    places = set[tuple[int, int]]()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not mine & places and at["x"] + at["w"] <= 24, panel["title"]
        places |= mine
        assert panel["type"] == "row" or panel["description"].endswith("."), panel["title"]
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel.get("targets", ()))


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is in Debian's package prometheus")
@pytest.mark.parametrize(
    "words", [("check", "rules", ALERTS.name), ("test", "rules", TRIED.name)], ids=["check", "test"]
)
def test_promtool_finds_the_rules_right_and_raises_each_as_it_should(words: tuple[str, ...]) -> None:
    assert PROMTOOL is not None
    ran = subprocess.run(
        [PROMTOOL, *words], cwd=ALERTS.parent, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is in Debian's package prometheus")
def test_promtool_reads_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    assert PROMTOOL is not None
    expressions = [
        target["expr"].replace("$__rate_interval", "5m") for panel in panels() for target in panel["targets"]
    ]
    recorded = [{"record": f"it:{number}", "expr": expression} for number, expression in enumerate(expressions)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    ran = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
