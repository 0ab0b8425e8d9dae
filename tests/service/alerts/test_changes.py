"""Every alert is told once: on getting worse, and on having recovered for a while. A restart repeats nothing."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from service.alerts import changes
from service.alerts.changes import RECOVERY_HOLD_US, Changes
from service.health.check import SEVERITY, Check

LOOK_US = 10_000_000


def _check(level: str, name: str = "feed") -> Check:
    return Check(name, level, "value", "sentence")


def _told(observer: Changes, levels: list[str], name: str = "feed") -> list[str]:
    told = []
    for number, level in enumerate(levels):
        told += [alert.level for alert in observer.observe([_check(level, name)], number * LOOK_US)]
    return told


def test_warning_error_recovered_are_told_once_each() -> None:
    levels = ["ok", "warning", "warning", "error", "error", "warning"] + ["ok"] * 20
    assert _told(Changes(), levels) == ["warning", "error", "recovered"]


def test_since_is_when_it_left_ok() -> None:
    observer = Changes()
    observer.observe([_check("warning")], 100)
    (alert,) = observer.observe([_check("error")], 200)
    assert (alert.since_us, alert.at_us) == (100, 200)
    observer.observe([_check("ok")], 300)
    (alert,) = observer.observe([_check("ok")], 300 + RECOVERY_HOLD_US)
    assert (alert.level, alert.since_us) == ("recovered", 100)


def test_what_flaps_is_one_alert() -> None:
    assert _told(Changes(), ["error", "ok", "ok"] * 10) == ["error"]


def test_what_comes_back_after_a_recovery_is_told_again() -> None:
    ok = ["ok"] * 10
    assert _told(Changes(), ["error", *ok, "error", *ok]) == ["error", "recovered"] * 2


def test_yesterdays_holes_are_no_recovery() -> None:
    assert _told(Changes(), ["warning"] + ["ok"] * 20 + ["warning"], "gaps") == ["warning", "warning"]


def test_checks_do_not_disturb_each_other() -> None:
    observer = Changes()
    assert len(observer.observe([_check("error"), _check("warning", "disk")], 0)) == 2
    assert observer.observe([_check("error"), _check("warning", "disk")], 1) == []


def test_a_restart_repeats_nothing_and_still_tells_the_recovery(tmp_path: Path) -> None:
    path = tmp_path / "alerts.json"
    before = changes.load(path)
    assert _told(before, ["error"]) == ["error"]
    changes.save(before, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert _told(changes.load(path), ["error", "warning"] + ["ok"] * 10) == ["recovered"]


def test_a_broken_file_of_open_alerts_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "alerts.json"
    path.write_text("{half")
    assert changes.load(path).opened == {}


@given(st.lists(st.tuples(st.sampled_from(list(SEVERITY)), st.integers(-(10**9), 10**9)), max_size=60))
def test_alerts_only_rise_until_they_recover(seen: list[tuple[str, int]]) -> None:
    """Whatever the checks and the clock do: within one alert the level rises, and each ends by one recovery."""
    observer, now_us, open_level = Changes(), 10**15, None
    for level, step_us in seen:
        now_us += step_us
        for alert in observer.observe([_check(level)], now_us):
            if alert.level == "recovered":
                assert open_level is not None
                open_level = None
            else:
                assert open_level is None or SEVERITY[alert.level] > SEVERITY[open_level]
                open_level = alert.level
