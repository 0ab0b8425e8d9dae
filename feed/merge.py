"""How a delta changes what is known, and which values are believed at all.

A field that is not sent keeps its value. A number outside the bounds makes its item garbage, which is counted
and not recorded.
"""

from typing import Annotated, TypeVar

from msgspec import UNSET, Meta, UnsetType

T = TypeVar("T")

Price = Annotated[float, Meta(ge=0, le=1e7)]
Number = Annotated[float, Meta(ge=-1e9, le=1e9)]
Count = Annotated[int, Meta(ge=0, le=10**12)]
Millis = Annotated[int, Meta(ge=0, le=32_503_680_000_000)]


def merged(change: T | UnsetType, known: T) -> T:
    """The value after a delta."""
    return known if change is UNSET else change
