"""A pytest plugin for `mutate`: the tests of each file run in order of the time they took before.

Times are kept in the file that ``MUTATE_TIMES`` names, and updated when all tests passed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

_times: dict[str, float] = {}


def _file():
    return Path(os.environ["MUTATE_TIMES"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    known = json.loads(_file().read_text()) if _file().exists() else {}
    files = list(dict.fromkeys(item.path for item in items))
    items.sort(key=lambda item: (files.index(item.path), known.get(item.nodeid, 0.0)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _times[report.nodeid] = _times.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish(exitstatus: int) -> None:
    if exitstatus == 0:
        part = _file().with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(_times))
        part.replace(_file())
