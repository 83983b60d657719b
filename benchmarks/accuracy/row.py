"""A figure that docs/accuracy.md states: measured now, beside its oracle and its bound."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Row:
    """What was measured against which oracle, how large the difference is and may be."""

    what: str
    oracle: str
    measured: float
    bound: float
    unit: str

    @property
    def holds(self) -> bool:
        return self.measured <= self.bound
