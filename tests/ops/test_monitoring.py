"""Rules and dashboards, held against what /metrics has. `make metrics-check` tries the rules."""

import json
import re
from typing import Any

import pytest
import yaml
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from economy import controls
from payments.models import ReconciliationRun
from quizarena.local.services import CHECKOUT
from quizarena.ops import heartbeats, metrics
from quizarena.ops.models import Heartbeat, ProductDay
from quizarena.staff import alerts

MONITORING = CHECKOUT / "docs" / "monitoring"
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((MONITORING / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
}
DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
NAME = re.compile(r"\bquizarena_\w+")


def expressions(dashboard: dict[str, Any]) -> list[str]:
    """Return what the panels of a dashboard ask."""
    return [one["expr"] for panel in dashboard["panels"] for one in panel.get("targets", [])]


def heading(title: str) -> str:
    """Return the anchor of a heading, as GitHub and mkdocs make it."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


@pytest.fixture
def exported(db: None) -> dict[str, set[str]]:
    """Return what a house exports in which everything has happened once: names, and labels."""
    now = timezone.now()
    for code in controls.CONTROLS:
        with controls.running(code, now=now):
            pass
    for is_full in (False, True):
        ReconciliationRun.objects.create(is_full=is_full, started_at=now, finished_at=now)
    Heartbeat.objects.bulk_create(
        Heartbeat(name=name, seen_at=now) for name in heartbeats.PROCESSES
    )
    month = {"retained_30": 1, "cohort_payers": 1, "cohort_net_stars": 1}
    ProductDay.objects.create(
        day=now.date() - 40 * controls.DAY, counted_at=now, active=1, active_7=1, active_30=1,
        purchases=1, payers=1, stars=1, refunded_stars=0, payers_30=1, net_stars_30=1,
        new_players=1, retained_1=1, retained_7=1, **month,
    )  # fmt: skip
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.text(now=now).decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, set())
            labels |= {f'{name}="{value}"' for name, value in sample.labels.items()}
    return found


def test_dashboards_and_rules_ask_for_nothing_that_is_not_there(
    exported: dict[str, set[str]],
) -> None:
    asked = [rule["expr"] for rule in RULES.values()]
    for path in DASHBOARDS:
        asked += expressions(json.loads(path.read_text()))
    assert len(asked) > 80

    assert {name for text in asked for name in NAME.findall(text)} <= exported.keys()
    for text in asked:
        for name, labels in re.findall(r"(quizarena_\w+)\{([^}]*)\}", text):
            for label, one, values in re.findall(r'(\w+)(=~?)"([^"]*)"', labels):
                wanted = values.split("|") if one == "=~" else [values]
                assert {f'{label}="{value}"' for value in wanted} <= exported[name]


def test_what_is_exported_is_shown_or_watched(exported: dict[str, set[str]]) -> None:
    used = " ".join(path.read_text() for path in DASHBOARDS)
    used += " ".join(rule["expr"] for rule in RULES.values())

    families = {re.sub("_(bucket|count|sum)$", "", name) for name in exported}
    assert not {name for name in families if name not in used}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_leads_to_a_heading_of_a_runbook(name: str) -> None:
    path, _, anchor = RULES[name]["annotations"]["runbook"].partition("#")

    titles = re.findall(r"^#+ (.+)$", (CHECKOUT / path).read_text(), re.MULTILINE)
    assert path.startswith("docs/runbooks/")
    assert anchor in {heading(title) for title in titles}
    assert RULES[name]["labels"]["severity"] in {"critical", "warning", "info"}


def test_every_alert_of_the_house_has_its_rule() -> None:
    mirrored = {
        kind: (rule["labels"]["severity"], rule["annotations"]["runbook"].partition("#")[0])
        for rule in RULES.values()
        if rule["labels"].get("in_house") == "true"
        for kind in re.findall(r'^quizarena_alerts_open\{kind="(.+)"\} > 0$', rule["expr"])
    }

    assert mirrored == {
        kind: (one.severity.value.lower(), one.runbook) for kind, one in alerts.kinds.items()
    }


def test_every_rule_is_tried() -> None:
    tried = {
        one["alertname"]
        for path in MONITORING.glob("rules*.test.yml")
        for test in yaml.safe_load(path.read_text())["tests"]
        for one in test["alert_rule_test"]
        if one["exp_alerts"]
    }

    # Of those that only repeat the alerts of the house, one stands for all.
    in_house = {name for name, rule in RULES.items() if "in_house" in rule["labels"]}
    assert RULES.keys() - in_house <= tried
    assert in_house & tried


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_stands_in_its_grid(path: Any) -> None:
    dashboard = json.loads(path.read_text())
    taken: set[tuple[int, int]] = set()

    assert dashboard["uid"] == f"quizarena-{path.stem}"
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "quizarena"
