"""Faults: which processors were bypassed or silenced, and why."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable

from zerocross.errors import FaultWarning
from zerocross.graph.groups import Group
from zerocross.graph.processor import Processor
from zerocross.graph.program import BYPASSED, FAULT_STATUS, NOT_FINITE, OVER_BUDGET
from zerocross.memory import Record

__all__ = ["Fault", "fault_of", "warn_of"]

_CAUSES = {
    FAULT_STATUS: "a fault status",
    NOT_FINITE: "an output that is not finite",
    OVER_BUDGET: "its time budget",
}


@dataclasses.dataclass(frozen=True)
class Fault:
    """A processor, or a group that adds up, that was bypassed or silenced while it ran.

    Attributes
    ----------
    processor : Processor, Parallel or Chain
    cause : str
        ``a fault status``, ``an output that is not finite`` or ``its time budget``.
    detail : int
        The status, or the nanoseconds.
    where : str
        File and line of its ``process``; of a group empty.
    outcome : str
        ``bypassed`` if its input is heard in its place, ``silenced`` if nothing is.

    """

    processor: Processor | Group
    cause: str
    detail: int
    where: str
    outcome: str

    def __str__(self) -> str:
        name = type(self.processor).__name__
        where = f" ({self.where})" if self.where else ""
        return f"{name} was {self.outcome} because of {self.cause}{where}"


def fault_of(processor: Processor | Group, node: Record) -> Fault:
    """Return what a processor's node says of its last fault."""
    verdict = processor.verdict if isinstance(processor, Processor) else None
    return Fault(
        processor,
        _CAUSES[int(node["cause"])],
        int(node["status"]),
        f"{verdict.file}:{verdict.line}" if verdict else "",
        "bypassed" if int(node["mode"]) == BYPASSED else "silenced",
    )


def warn_of(faults: Iterable[Fault]) -> None:
    """Warn of what failed in a rendering, at the line that called who calls this."""
    for fault in faults:
        warnings.warn(str(fault), FaultWarning, stacklevel=3)
