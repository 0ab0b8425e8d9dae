"""Every alert is told once: on getting worse, and on having recovered for a while. A restart repeats nothing."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from service.alerts import changes
from service.alerts.changes import RECOVERY_HOLD_US, Changes
from service.health.check import SEVERITY, Check, Level

LOOK_US = 10_000_000
OKS: list[Level] = ["ok"] * 20


def _check(level: Level, name: str = "feed") -> Check:
    return Check(name, level, "value", "sentence")


def _told(observer: Changes, levels: list[Level], name: str = "feed") -> list[str]:
    told: list[str] = []
    for number, level in enumerate(levels):
        told += [alert.level for alert in observer.observe([_check(level, name)], number * LOOK_US)]
    return told


def test_warning_error_recovered_are_told_once_each() -> None:
    levels: list[Level] = ["ok", "warning", "warning", "error", "error", "warning", *OKS]
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
    assert _told(Changes(), ["error", *OKS, "error", *OKS]) == ["error", "recovered"] * 2


def test_yesterdays_holes_are_no_recovery() -> None:
    assert _told(Changes(), ["warning", *OKS, "warning"], "gaps") == ["warning", "warning"]


def test_checks_do_not_disturb_each_other() -> None:
    observer = Changes()
    assert len(observer.observe([_check("error"), _check("warning", "disk")], 0)) == 2
    assert observer.observe([_check("error"), _check("warning", "disk")], 1) == []


def _restarted(before: Changes, path: Path) -> Changes:
    changes.save(before, path)
    return changes.load(path)


def test_a_restart_repeats_nothing_and_still_tells_the_recovery(tmp_path: Path) -> None:
    path = tmp_path / "alerts.json"
    before = changes.load(path)
    for alert in before.observe([_check("error")], 0):
        before.taken(alert)
    after = _restarted(before, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert _told(after, ["error", "warning", *OKS[:10]]) == ["recovered"]


def test_what_no_channel_took_is_told_again_after_a_restart(tmp_path: Path) -> None:
    before = Changes()
    before.observe([_check("error")], 100)
    after = _restarted(before, tmp_path / "alerts.json")
    (alert,) = after.observe([_check("error")], 500)
    assert (alert.level, alert.since_us) == ("error", 100)
    assert after.observe([_check("error")], 600) == []


def test_a_worsening_that_no_channel_took_is_told_again_after_a_restart(tmp_path: Path) -> None:
    before = Changes()
    (warning,) = before.observe([_check("warning")], 0)
    before.taken(warning)
    before.observe([_check("error")], 1)
    after = _restarted(before, tmp_path / "alerts.json")
    assert _told(after, ["warning", "error", *OKS]) == ["error", "recovered"]


def test_a_recovery_that_no_channel_took_is_told_again_after_a_restart(tmp_path: Path) -> None:
    path, before = tmp_path / "alerts.json", Changes()
    levels: list[Level] = ["error", *OKS]
    for number, level in enumerate(levels):
        for alert in before.observe([_check(level)], number * LOOK_US):
            if alert.level == "error":
                before.taken(alert)
    after = _restarted(before, path)
    (alert,) = after.observe([_check("ok")], 50 * LOOK_US)
    assert alert.level == "recovered"
    assert alert.is_wanted()
    after.taken(alert)
    assert _restarted(after, path).opened == {}


def test_a_recovery_is_wanted_only_by_who_was_told(tmp_path: Path) -> None:
    observer = Changes()
    (error,) = observer.observe([_check("error")], 0)
    observer.observe([_check("ok")], 1)
    (recovery,) = observer.observe([_check("ok")], 1 + RECOVERY_HOLD_US)
    assert not recovery.is_wanted()
    assert _restarted(observer, tmp_path / "alerts.json").opened == {}
    # It was only late.
    observer.taken(error)
    assert recovery.is_wanted()


def test_what_was_never_told_and_is_gone_after_a_restart_is_not_told(tmp_path: Path) -> None:
    before = Changes()
    before.observe([_check("error")], 0)
    after = _restarted(before, tmp_path / "alerts.json")
    assert _told(after, OKS) == []
    (alert,) = after.observe([_check("warning")], 900 * LOOK_US)
    assert alert.since_us == 900 * LOOK_US


def test_what_is_taken_late_does_not_touch_the_next_alert() -> None:
    observer = Changes()
    (error,) = observer.observe([_check("error")], 0)
    observer.taken(error)
    observer.observe([_check("ok")], 1)
    (recovery,) = observer.observe([_check("ok")], 1 + RECOVERY_HOLD_US)
    (again,) = observer.observe([_check("warning")], 10 * RECOVERY_HOLD_US)
    observer.taken(recovery)
    assert observer.opened["feed"] is again.about
    assert again.about.told == "ok"


def test_a_full_disk_does_not_lose_what_was_told(tmp_path: Path) -> None:
    path, observer = tmp_path / "alerts.json", Changes()
    changes.save(observer, path)
    for alert in observer.observe([_check("error")], 0):
        observer.taken(alert)
    # No room for a second file; the block that the first one has can be written again.
    draft = path.with_suffix(".new")
    draft.symlink_to("/dev/full")
    changes.save(observer, path)
    assert changes.load(path).opened["feed"].told == "error"
    draft.symlink_to("/dev/full")
    changes.save(Changes(), path)
    assert changes.load(path).opened == {}


def test_a_broken_file_of_open_alerts_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "alerts.json"
    path.write_text("{half")
    assert changes.load(path).opened == {}


@given(st.lists(st.tuples(st.sampled_from(list(SEVERITY)), st.integers(-(10**9), 10**9)), max_size=60))
def test_alerts_only_rise_until_they_recover(seen: list[tuple[Level, int]]) -> None:
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
