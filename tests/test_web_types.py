"""The page's and the notebook's modules, read by TypeScript as strictly as it can."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import zerocross.web
from conftest import need_node, need_npm

WEB = Path(zerocross.web.__file__).parent
HERE = Path(__file__).parent
#: What each kind of module has around it, and the declarations of what no library has.
KINDS = {
    "page": ("es2022,dom,dom.iterable,dom.asynciterable", []),
    "worklet": ("es2022,webworker", ["web_worklet.d.ts"]),
    "worker": ("es2022,webworker", []),
    "notebook": ("es2022,dom,dom.iterable", ["web_notebook.d.ts"]),
}


def laid_out(kind, folder):
    """Lay the modules of a kind out in a folder; returns those that are read first."""
    shutil.copytree(WEB / "page", folder, dirs_exist_ok=True)
    if kind == "notebook":  # beside what it imports, as Python joins them
        return [shutil.copy(WEB / "notebook" / "player.js", folder / "notebook.js")]
    apart = {"worklet": ["worklet.js"], "worker": ["sw.js"]}
    others = {name for names in apart.values() for name in names}
    return [folder / name for name in apart.get(kind, ())] or [
        path for path in sorted(folder.glob("*.js")) if path.name not in others
    ]


def told(kind, files):
    """Return what TypeScript has against modules of a kind."""
    compiler = need_npm("typescript") / "bin" / "tsc"
    library, declared = KINDS[kind]
    words = ["--noEmit", "--allowJs", "--checkJs", "--strict", "--noImplicitReturns"]
    words += ["--noFallthroughCasesInSwitch", "--target", "es2022", "--module", "es2022"]
    words += ["--moduleResolution", "bundler", "--lib", library, "--types", "", "--pretty", "false"]
    made = subprocess.run(
        [need_node(), compiler, *words, *files, *(HERE / name for name in declared)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0 or made.stdout, made.stderr
    return made.stdout.splitlines()


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_the_types_are_sound(kind, tmp_path):
    assert told(kind, laid_out(kind, tmp_path)) == []


@pytest.mark.thorough
def test_a_type_that_is_wrong_is_told_of(tmp_path):
    """The twin: what is of another type, and what a page does not have, does not pass."""
    files = laid_out("page", tmp_path)
    with (tmp_path / "time.js").open("w") as file:
        file.write('import { time } from "./controls.js";\ntime("1");\nsampleRate;\n')
    found = told("page", [*files, tmp_path / "time.js"])
    assert len(found) == 2
    assert "TS2345" in found[0] and "Cannot find name 'sampleRate'" in found[1]
