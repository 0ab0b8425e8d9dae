"""Sums of prices without rounding: counted in units of 2**-80 dollars, a price is an integer.

Scaling by a power of 2 is exact, Python's integers do not overflow, and their quotient is correctly rounded.
"""

SCALE = 2.0**80
"""Units in a dollar."""

LEAST = 2.0**-28
"""The lowest price in dollars of which every bit counts; what a lower one has beyond 2**-80 dollars is cut off."""


def units(price: float) -> int:
    """`price` in units."""
    return int(price * SCALE)


def mean(notional: int, volume: int) -> float | None:
    """`notional` units over `volume` shares in dollars, correctly rounded; None while the volume is 0."""
    return notional / volume / SCALE if volume else None
