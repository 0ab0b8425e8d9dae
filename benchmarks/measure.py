"""How a figure is taken: sides in turn (A B A B) after a warm-up, so that a noisy machine hits all alike."""

import gc
import statistics
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

ROUNDS = 3


class Goal(msgspec.Struct, frozen=True):
    """What a result should reach: `ratio` of ours to a peer, or `figure` of ours; `at` is least or most."""

    of: Literal["ratio", "figure"]
    bound: Literal["least", "most"]
    value: float
    peer: str = ""

    def is_met(self, value: float) -> bool:
        """Whether `value` is on the right side."""
        return value >= self.value if self.bound == "least" else value <= self.value


class Series(msgspec.Struct, frozen=True):
    """The rounds of one side."""

    name: str
    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """(maximum - minimum) / median of the rounds, 0 for a single one."""
        return (max(self.values) - min(self.values)) / self.median if self.median else 0.0


class Result(msgspec.Struct, frozen=True):
    """One line of RESULTS.md: ours beside its peers, in `unit`; `note` says what a reader must know."""

    name: str
    unit: str
    ours: Series
    peers: list[Series] = []
    goal: Goal | None = None
    note: str = ""

    def peer(self, name: str) -> Series:
        """The peer of that name."""
        return next(series for series in self.peers if series.name == name)

    @property
    def reached(self) -> float | None:
        """What the goal is compared with: the median of the rounds' ratios, or ours."""
        if self.goal is None:
            return None
        if self.goal.of == "figure":
            return self.ours.median
        pairs = zip(self.ours.values, self.peer(self.goal.peer).values, strict=True)
        return statistics.median(ours / peer for ours, peer in pairs)


def compare(
    name: str,
    unit: str,
    ours: Callable[[], float],
    peers: Mapping[str, Callable[[], float]] | None = None,
    goal: Goal | None = None,
    rounds: int = ROUNDS,
    note: str = "",
) -> Result:
    """Run ours and the peers in turn; each call does the whole work once and returns its figure in `unit`."""
    sides = {"ticktape": ours, **(peers or {})}
    for work in sides.values():
        work()
    values: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, measure in sides.items():
            gc.collect()
            values[side].append(measure())
    series = [Series(side, figures) for side, figures in values.items()]
    return Result(name, unit, series[0], series[1:], goal, note)


def figure(name: str, unit: str, values: list[float], goal: Goal | None = None, note: str = "") -> Result:
    """A result without a peer."""
    return Result(name, unit, Series("ticktape", values), [], goal, note)
