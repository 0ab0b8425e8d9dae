"""Every metric parses, carries the figures of the facts, and is documented by its name."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from service.health import metrics, snapshot
from service.health.facts import Facts
from tests.service.health.samples import HEALTHY, NOW_US, SECOND_US, table

DOCUMENT = Path(__file__).parents[3] / "docs" / "OPERATIONS.md"


def _values(given: Facts) -> dict[tuple[str, str], float]:
    text = metrics.exposition(snapshot.judge(given)).decode()
    return {
        (sample.name, "/".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_figures_are_those_of_the_facts() -> None:
    found = _values(
        table(delivered=41, unsent=3, dead_letters=2, failures=5, retries=4, behind_since_us=NOW_US - SECOND_US)
    )
    assert found["ticktape_health", ""] == 1
    assert found["ticktape_check", "dead_letters"] == 1
    assert found["ticktape_check", "feed"] == 0
    assert found["ticktape_received_total", "ticks"] == 7
    assert found["ticktape_appended_total", ""] == 42
    assert found["ticktape_sent_rows_total", "equity_data"] == 41
    assert found["ticktape_failed_requests_total", "equity_data"] == 5
    assert found["ticktape_retried_requests_total", "equity_data"] == 4
    assert found["ticktape_dead_letters", "equity_data"] == 2
    assert found["ticktape_unsent", "equity_data"] == 3
    assert found["ticktape_unsent_seconds", "equity_data"] == 1
    assert found["ticktape_projection_lag_events", ""] == 0
    assert found["ticktape_wal_bytes", ""] == 4_000_000
    assert found["process_resident_memory_bytes", ""] > 10_000_000


def test_every_metric_is_documented_and_nothing_else() -> None:
    documented = set(re.findall(r"^\| `(ticktape_\w+)", DOCUMENT.read_text(), re.MULTILINE))
    assert documented == {name for name, _ in _values(HEALTHY) if name.startswith("ticktape_")}
