"""The metrics of /metrics, made of the facts at the moment of the scrape: the hot path pays nothing for them.

Their names are documented in docs/OPERATIONS.md, which a test compares with this file.
"""

from collections.abc import Callable, Iterable, Iterator

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from service.health import checks
from service.health.check import SEVERITY
from service.health.facts import Facts, TableFacts
from service.health.snapshot import Snapshot

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST


def exposition(snapshot: Snapshot) -> bytes:
    """The snapshot in Prometheus' text format, with memory and CPU of the process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshots(snapshot))
    prometheus_client.ProcessCollector(registry=registry)
    return prometheus_client.generate_latest(registry)


class _Snapshots(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        yield from families(self._snapshot)


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """Every metric with its present values."""
    facts = snapshot.facts
    yield _gauge("health", "Worst check: 0 ok, 1 warning, 2 error", SEVERITY[snapshot.level])
    checks = GaugeMetricFamily("ticktape_check", "One check: 0 ok, 1 warning, 2 error", labels=["check"])
    for check in snapshot.checks:
        checks.add_metric([check.name], SEVERITY[check.level])
    yield checks
    yield from _recording(facts)
    yield from _shipping(facts)
    yield from _storage(facts)


def _recording(facts: Facts) -> Iterator[Metric]:
    if facts.feed is not None:
        received = CounterMetricFamily("ticktape_received", "What the stream brought since the start", labels=["kind"])
        for kind, count in facts.feed.received:
            received.add_metric([kind], count)
        yield received
        yield CounterMetricFamily("ticktape_reconnects", "Streams lost since the start", value=facts.feed.reconnects)
        yield _gauge("feed_streaming", "1 while the stream is subscribed in full", facts.feed.state == "streaming")
        if facts.feed.last_tick_us is not None:
            yield _gauge("last_tick_timestamp_seconds", "Time of the newest tick", facts.feed.last_tick_us / 1e6)
    yield CounterMetricFamily("ticktape_appended", "Events in the log, over all time", value=facts.log.head)
    yield CounterMetricFamily("ticktape_refused", "Events the log refused since the start", value=facts.log.refused)
    yield _gauge("append_queue_events", "Events waiting for their commit", facts.log.queued)
    yield _gauge("projection_lag_events", "Events not yet folded into indicators", facts.projection.lag_events)
    yield _gauge("gaps_today", "Holes in today's sessions", facts.gaps.count)
    yield _gauge("gaps_today_seconds", "Length of today's holes", facts.gaps.seconds)
    if facts.token_age_seconds is not None:
        yield _gauge("token_age_seconds", "Age of the Schwab login, which ends at 604800", facts.token_age_seconds)


def _shipping(facts: Facts) -> Iterator[Metric]:
    for metric, value in _table_metrics(facts):
        for table in facts.tables:
            metric.add_metric([table.table], value(table))
        yield metric


def _table_metrics(facts: Facts) -> list[tuple[CounterMetricFamily | GaugeMetricFamily, Callable[[TableFacts], float]]]:
    def behind_seconds(table: TableFacts) -> float:
        return checks.unsent_seconds(facts, table)

    return [
        (_counters("sent_rows", "Rows acknowledged, over all time"), lambda table: table.delivered),
        (_counters("failed_requests", "Requests that failed since the start"), lambda table: table.failures),
        (_counters("retried_requests", "Those of them tried again by themselves"), lambda table: table.retries),
        (_gauges("dead_letters", "Rows the destination will never take"), lambda table: table.dead_letters),
        (_gauges("unsent", "Rows or events not yet acknowledged"), lambda table: table.unsent),
        (_gauges("unsent_seconds", "How long the table has been behind"), behind_seconds),
        (_gauges("halted", "1 while the destination refuses the table"), lambda table: table.state == "halted"),
    ]


def _storage(facts: Facts) -> Iterator[Metric]:
    yield _gauge("disk_free_bytes", "Free space where DATA_DIR is", facts.storage.free_bytes)
    yield _gauge("database_bytes", "Size of events.db and state.db", facts.storage.database_bytes)
    yield _gauge("wal_bytes", "Size of their write-ahead logs", facts.storage.wal_bytes)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ticktape_{name}", text, value=value)


def _counters(name: str, text: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"ticktape_{name}", text, labels=["table"])


def _gauges(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ticktape_{name}", text, labels=["table"])
