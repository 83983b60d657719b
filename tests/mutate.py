"""Do the tests notice a change? Mutants of a module, each under the tests that are to kill it.

    python tests/mutate.py sync memory/pool.py --seed 1 --count 50
    python tests/mutate.py units.py --tests tests/test_eq.py     # other tests than the table's

A line is drawn, then one of its mutants (see `mutants`); the same seed draws the same. Each runs
in a copy of the tree with a cache of compiled code of its own, which begins as that of the tree
without a change. A failing test kills it, and so does a time limit; what passes all of its tests
survives and is printed with its diff. Results are kept in a file: a run that was stopped goes on,
a survivor is tried again once its tests have changed, and a killed one only if its module has.

``equivalent_mutants.toml`` lists changes that no test can see, or none need see, each with a
reason; they are set aside and not counted.

One file beyond 300 lines: the table of tests is a part of it, and drawing, running and keeping
results are read together.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import dataclasses
import fnmatch
import hashlib
import itertools
import json
import os
import queue
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

from mutants import Mutant, mutants_of

ROOT = Path(__file__).parents[1]
_ORDERS = ("test_orders",)
_ORDERED = re.compile(r"\b(load_acquire|store_release|fence_acquire|fence_release)\(")
_ORDER_CHANGES = {"order", "left out"}
_MEMORY_BYTES = 24 << 30

#: Which tests are to kill a module's mutants, the most specific first: the first row that fits.
#: For a memory order `test_orders` comes before them.
TESTS: dict[str, tuple[str, ...]] = {
    "compiler/wasm.py": ("test_web",),
    "gpu/audio_texture.py": ("test_gpu_shaders",),
    "gpu/shader_text.py": ("test_gpu_shaders",),
    "gpu/user_shader.py": ("test_gpu_shaders",),
    "viz/*": ("test_viz",),
    "cli/viz.py": ("test_viz",),
    "gpu/axes.py": ("test_viz",),
    "gpu/live.py": ("test_viz",),
    "gpu/painter.py": ("test_viz", "test_gpu"),
    "gpu/scenes.py": ("test_viz", "test_gpu"),
    "gpu/*": ("test_gpu",),
    "web/image.py": ("test_web",),
    "web/module.py": ("test_web",),
    "web/player_page.py": ("test_web_player",),
    "web/notebook.py": ("test_web_notebook",),
    "web/*": ("test_web_page",),
    "terminal/models/effects.py": ("test_effects_model",),
    "terminal/models/jobs.py": ("test_effects_model",),
    "terminal/models/rows.py": ("test_effects_model",),
    "terminal/models/values.py": ("test_effects_model",),
    "terminal/models/*": ("test_equalizer_model", "test_effects_model"),
    "terminal/views/equalizer.py": ("test_equalizer_view",),
    "terminal/views/effects.py": ("test_effects_view",),
    "terminal/choice.py": ("test_equalizer_view", "test_effects_view"),
    "terminal/ticker.py": ("test_effects_model",),
    "terminal/cells/*": ("test_cells",),
    "terminal/keymap.py": ("test_screen_parts", "test_screen"),
    "terminal/pasted.py": ("test_screen_parts",),
    "terminal/abilities.py": ("test_screen_parts",),
    "terminal/themes.py": ("test_screen", "test_screen_shown"),
    "terminal/session.py": ("test_screen_parts", "test_screen"),
    "terminal/progress.py": ("test_screen_parts", "test_screen"),
    "terminal/cover.py": ("test_screen_parts", "test_screen"),
    "terminal/driver.py": ("test_screen", "test_screen_shown"),
    "terminal/views/engine.py": ("test_engine_view",),
    "terminal/views/*": ("test_screen",),
    "terminal/visual/response.py": ("test_equalizer_view",),
    "terminal/visual/*": ("test_visual",),
    "terminal/engine_page.py": ("test_engine_view",),
    "terminal/t*.py": ("test_screen_parts", "test_screen"),
    "terminal/*.py": ("test_screen", "test_screen_shown"),
    "sync/*": ("test_sync",),
    "remote/*": ("test_remote",),
    "settings/*": ("test_settings",),
    "memory/record.py": ("test_memory", "test_layouts", "test_sync"),
    "memory/*": ("test_memory",),
    "system/background.py": ("test_background", "test_servers"),
    "system/*": ("test_system", "test_priority", "test_memory"),
    "units.py": ("test_units", "test_refused_or_right"),
    "attributes.py": ("test_refused_or_right",),
    "errors.py": ("test_units", "test_proof", "test_memory", "test_sync"),
    "closing.py": ("test_memory", "test_live", "test_lifetimes"),
    "files.py": ("test_hostile",),
    "folders.py": ("test_settings",),
    "compiler/elementary/*": ("test_elementary",),
    "compiler/functions.py": ("test_elementary",),
    "compiler/shipped.py": ("test_shipped",),
    "compiler/machine.py": ("test_compiler", "test_sync"),
    "build/*": ("test_shipped",),
    "compiler/linker.py": ("test_compiler", "test_elementary"),
    "compiler/primitives/*elementary.py": ("test_elementary", "test_dsp"),
    "compiler/primitives/vector*": ("test_vector", "test_neon"),
    "compiler/primitives/lowering/vector*": ("test_vector", "test_neon"),
    "compiler/primitives/assembly.py": ("test_compiler", "test_lab"),
    "compiler/primitives/atomic.py": ("test_compiler", "test_layouts", "test_sync", "test_memory"),
    "compiler/primitives/pointer.py": ("test_compiler", "test_layouts", "test_sync", "test_memory"),
    "compiler/primitives/lowering/planes.py": ("test_refused_or_right", "test_proof"),
    "compiler/primitives/*": ("test_compiler", "test_sync", "test_live"),
    "compiler/beside.py": ("test_cache",),
    "compiler/cache*": ("test_cache", "test_compiler"),
    "compiler/host_cache.py": ("test_cache", "test_compiler"),
    "compiler/content.py": ("test_cache", "test_compiler"),
    "compiler/bytecode.py": ("test_cache", "test_compiler"),
    "compiler/callee.py": ("test_cache", "test_compiler"),
    "compiler/proof/*": ("test_proof", "test_refusals", "test_chain"),
    "compiler/*": ("test_compiler", "test_vector", "test_proof"),
    "dsp/elementary.py": ("test_elementary",),
    "dsp/biquad.py": ("test_biquad", "test_eq"),
    "dsp/between.py": ("test_dynamics", "test_effects"),
    "dsp/blep.py": ("test_events", "test_effects"),
    "dsp/convolve.py": ("test_convolver", "test_lengths"),
    "dsp/dither.py": ("test_offline",),
    "dsp/partitions.py": ("test_convolver", "test_lengths"),
    "dsp/dc.py": ("test_dynamics", "test_lengths"),
    "dsp/fft*.py": ("test_fft", "test_lengths"),
    "dsp/*iir.py": ("test_states", "test_biquad", "test_eq"),
    "dsp/parallel.py": ("test_biquad", "test_eq"),
    "dsp/limiter.py": ("test_dynamics", "test_lengths"),
    "dsp/bs1770.py": ("test_loudness", "test_channels"),
    "dsp/channels.py": ("test_channels", "test_accuracy", "test_dsp"),
    "dsp/mix.py": ("test_dsp", "test_accuracy", "test_engine"),
    "dsp/r128.py": ("test_loudness",),
    "dsp/true_peak.py": ("test_loudness", "test_dsp"),
    "dsp/spectra.py": ("test_dsp", "test_spectrum"),
    "dsp/state.py": ("test_states", "test_refused_or_right", "test_lengths"),
    "dsp/polyphase.py": ("test_resample", "test_accuracy"),
    "dsp/resample.py": ("test_resample", "test_engine"),
    "dsp/*": ("test_dsp", "test_dynamics", "test_lengths", "test_effects", "test_engine"),
    "graph/signal.py": ("test_refused_or_right", "test_chain"),
    "graph/hot_reload.py": ("test_hot_reload",),
    "graph/user_file.py": ("test_hot_reload", "test_cli"),
    "graph/groups.py": ("test_refused_or_right", "test_chain"),
    "graph/*": ("test_chain", "test_refused_or_right", "test_events", "test_proof", "test_effects"),
    "engine/feed.py": ("test_feed", "test_player_feed"),
    "engine/feed_writer.py": ("test_feed",),
    "engine/feeding.py": ("test_feed", "test_player_feed"),
    "engine/given.py": ("test_feed",),
    "engine/intake.py": ("test_feed",),
    "engine/patience.py": ("test_feed",),
    "engine/array_stream.py": ("test_feed", "test_live"),
    "engine/recorder.py": ("test_recording",),
    "engine/*": (
        "test_exchange",
        "test_engine",
        "test_windows",
        "test_live",
        "test_lifetimes",
        "test_player",
        "test_chain",
        "test_servers",
    ),
    "devices/*": ("test_live", "test_devices", "test_lifetimes", "test_player", "test_servers"),
    "sources/channel_order.py": ("test_channels", "test_accuracy"),
    "sources/decoder_notes.py": ("test_hostile",),
    "sources/tags.py": ("test_tags", "test_loudness", "test_channels", "test_hostile"),
    "sources/playlist_lines.py": ("test_playlists", "test_formats"),
    "sources/playlists.py": ("test_playlists", "test_input", "test_hostile"),
    "sources/cue.py": ("test_cue",),
    "sources/cut.py": ("test_cue",),
    "sources/written.py": ("test_offline", "test_cli"),
    "sources/file.py": ("test_ogg", "test_mpeg", "test_engine", "test_hostile", "test_player"),
    "sources/links.py": ("test_ogg", "test_mpeg", "test_engine"),
    "sources/ogg.py": ("test_ogg",),
    "sources/mpeg.py": ("test_mpeg",),
    "sources/array.py": ("test_windows",),
    "sources/window.py": ("test_windows", "test_formats"),
    "sources/objects.py": ("test_windows", "test_mpeg"),
    "sources/location.py": ("test_windows", "test_refused_or_right"),
    "sources/formats.py": ("test_formats",),
    "sources/lengths.py": ("test_formats",),
    "sources/http.py": ("test_formats",),
    "sources/icy.py": ("test_formats",),
    "sources/http_connection.py": ("test_formats",),
    "sources/*": ("test_engine", "test_player", "test_windows", "test_formats"),
    "eq/design.py": ("test_design", "test_eq"),
    "eq/desk.py": ("test_desk",),
    "eq/graphic.py": ("test_design", "test_eq"),
    "eq/peak.py": ("test_presets", "test_eq"),
    "eq/presets/*": ("test_presets", "test_eq", "test_hostile"),
    "eq/*": ("test_eq", "test_refused_or_right"),
    "effects/convolver.py": ("test_convolver", "test_effects"),
    "effects/dynamics.py": ("test_dynamics", "test_effects"),
    "effects/*": ("test_effects", "test_events", "test_chain"),
    "spectrum/bands.py": ("test_design", "test_spectrum"),
    "spectrum/*": ("test_spectrum",),
    "loudness/replaygain.py": ("test_design", "test_loudness", "test_hostile"),
    "loudness/*": ("test_loudness", "test_channels"),
    "player/changes.py": ("test_asyncio",),
    "player/expanding.py": ("test_queue", "test_playlists"),
    "player/fed.py": ("test_player_feed",),
    "player/starting.py": ("test_asyncio",),
    "player/queue.py": ("test_queue", "test_input"),
    "player/saved_queue.py": ("test_queue",),
    "player/shuffling.py": ("test_queue",),
    "player/posting.py": ("test_player", "test_queue"),
    "player/feed.py": ("test_player", "test_queue"),
    "player/budget.py": ("test_player", "test_queue"),
    "player/titles.py": ("test_tags",),
    "player/*": ("test_player", "test_servers", "test_loudness", "test_cli"),
    "offline.py": (
        "test_refused_or_right",
        "test_offline",
        "test_chain",
        "test_player",
        "test_cli",
    ),
    "pipeline.py": ("test_spectrum",),
    "lab/*": ("test_lab", "test_benchmarks"),
    "demo/*": ("test_cli",),
    "cli/analysis.py": ("test_analysis", "test_cli"),
    "cli/cache.py": ("test_cache",),
    "cli/keys.py": ("test_input", "test_status_line", "test_hostile"),
    "cli/pictures.py": ("test_analysis",),
    "cli/file_spectrum.py": ("test_analysis",),
    "cli/figure.py": ("test_analysis",),
    "cli/lab_pictures.py": ("test_lab",),
    "cli/tables.py": ("test_lab",),
    "cli/torture.py": ("test_lab",),
    "cli/status_line.py": ("test_status_line", "test_cli", "test_analysis"),
    "cli/paint*.py": ("test_status_line",),
    "cli/bottom_line.py": ("test_status_line", "test_hostile"),
    "cli/warmup.py": ("test_cli", "test_status_line"),
    "cli/interrupt.py": ("test_hostile", "test_cli", "test_screen_shown"),
    "cli/screen.py": ("test_screen_parts",),
    "cli/showing.py": ("test_screen_opened",),
    "cli/printing.py": ("test_hostile", "test_status_line"),
    "cli/prove*.py": ("test_hostile", "test_cli"),
    "cli/*": ("test_cli", "test_lab", "test_hostile"),
    "__main__.py": ("test_cli",),
    "__init__.py": ("test_house", "test_chain"),
}


@dataclasses.dataclass(frozen=True)
class Project:
    """A tree with a package, its tests, and which of them belong to which module."""

    root: Path
    package: str
    tests: dict[str, tuple[str, ...]]
    equivalent: tuple[dict[str, str], ...] = ()

    @property
    def source(self) -> Path:
        return self.root / "src" / self.package

    def modules(self, named: list[str]) -> list[str]:
        """Return the modules that names stand for: files, folders, or all for none."""
        every = sorted(p.relative_to(self.source).as_posix() for p in self.source.rglob("*.py"))
        wanted = [name.removeprefix(f"src/{self.package}/").rstrip("/") for name in named]
        found = [m for m in every if any(m == w or m.startswith(f"{w}/") for w in wanted)]
        missing = [w for w in wanted if not any(m == w or m.startswith(f"{w}/") for m in every)]
        if missing:
            raise SystemExit(f"no module {', '.join(missing)} in {self.source}")
        return found if named else every

    def tests_of(self, module: str, *, orders: bool = False) -> tuple[str, ...]:
        """Return the test files of a module; for a memory order, those that count orders."""
        for pattern, names in self.tests.items():
            if fnmatch.fnmatch(module, pattern):
                first = _ORDERS if orders else ()
                return tuple(f"tests/{name}.py" for name in (*first, *names))
        raise SystemExit(f"no tests are known for {module}; add it to the table in tests/mutate.py")

    def why_equivalent(self, mutant: Mutant) -> str | None:
        """Return why nothing need notice a mutant, or None."""
        for rule in self.equivalent:
            if (
                fnmatch.fnmatch(mutant.module, rule["module"])
                and fnmatch.fnmatch(mutant.where, rule.get("where", "*"))
                and rule.get("text", "") in mutant.text
                and rule.get("change", "") in mutant.change
                and rule.get("operator", mutant.operator) == mutant.operator
            ):
                return rule["why"]
        return None


def this_project() -> Project:
    """Return Zerocross with its table and its list."""
    listed = tomllib.loads((ROOT / "tests" / "equivalent_mutants.toml").read_text())
    return Project(ROOT, "zerocross", TESTS, tuple(listed["equivalent"]))


def draw(project: Project, modules: list[str], seed: int, count: int) -> list[Mutant]:
    """Return ``count`` mutants that are not set aside, one of a line each while there are lines.

    Lines, and a line's mutants, come in the order of their digests with the seed. So a change draws
    other mutants only where it is, and a campaign goes on after it.
    """
    lines: dict[tuple[str, int], list[Mutant]] = {}
    for module in modules:
        for mutant in mutants_of(module, (project.source / module).read_text()):
            lines.setdefault((module, mutant.line), []).append(mutant)

    def rank(mutant: Mutant) -> bytes:
        return hashlib.sha256(f"{seed} {mutant.key}".encode()).digest()

    rounds: list[tuple[int, bytes, Mutant]] = []
    for mutants in lines.values():
        ranked = sorted(mutants, key=rank)
        rounds += [(k, rank(mutants[0]), mutant) for k, mutant in enumerate(ranked)]
    rounds.sort(key=lambda row: row[:2])
    drawn = (mutant for _, _, mutant in rounds if project.why_equivalent(mutant) is None)
    return list(itertools.islice(drawn, count))


# --- running ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the tests said: ``killed``, ``timed out`` or ``survived``, by which test, how fast."""

    status: str
    by: str
    seconds: float


class Copy:
    """A copy of the tree in which one file at a time is changed."""

    def __init__(self, project: Project, folder: Path, cache: Path) -> None:
        self.project, self.folder, self._cache = project, folder, cache
        listed = subprocess.run(
            ["git", "ls-files", "-z", "-co", "--exclude-standard"],
            cwd=project.root,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            source, target = project.root / name, folder / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def run(self, tests: tuple[str, ...], limit_s: float, mutant: Mutant | None) -> Outcome:
        """Run tests on the tree with a mutant in it, or on the tree as it is, whose code is kept."""
        if mutant is None:
            return self._run(tests, limit_s, self._cache)
        path = self.folder / "src" / self.project.package / mutant.module
        original = path.read_bytes()
        with tempfile.TemporaryDirectory(prefix="mutant-cache-") as cache:
            for file in self._cache.rglob("*.*"):
                link = Path(cache) / file.relative_to(self._cache)
                link.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileNotFoundError):  # another one's, renamed meanwhile
                    os.link(file, link)
            path.write_text(mutant.source)
            try:
                return self._run(tests, limit_s, Path(cache))
            finally:
                path.write_bytes(original)

    def times(self, tests: tuple[str, ...]) -> Path:
        """Return where `fastest_first` keeps the times of tests."""
        files = " ".join(name for name in tests if not name.startswith("--"))
        return self._cache / f"times-{hashlib.sha256(files.encode()).hexdigest()[:16]}.json"

    def _run(self, tests: tuple[str, ...], limit_s: float, cache: Path) -> Outcome:
        options = ["-x", "-q", "-m", "not soak", "-p", "no:cacheprovider", "-p", "fastest_first"]
        command = [sys.executable, "-m", "pytest", *options, *tests]
        environment = os.environ | {
            "PYTHONPATH": f"{self.folder / 'src'}{os.pathsep}{Path(__file__).parent}",
            "MUTATE_TIMES": str(self.times(tests)),
            "ZEROCROSS_CACHE_DIR": str(cache),
            "PYTHONDONTWRITEBYTECODE": "1",  # a change within a second is a change
            "PYTHONHASHSEED": "0",
        }
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        limits = (_MEMORY_BYTES, _MEMORY_BYTES)
        resource.prlimit(process.pid, resource.RLIMIT_AS, limits)  # an endless list ends here
        try:
            said, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            return Outcome("timed out", "", time.monotonic() - started)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its own group: what it left running
            process.communicate()
        taken = time.monotonic() - started
        text = said.decode(errors="replace")
        if process.returncode == 0:
            return Outcome("survived", "", taken)
        if "+++ Timeout +++" in text:
            return Outcome("timed out", "", taken)
        failed = re.search(r"^(?:FAILED|ERROR) (\S+)", text, re.MULTILINE)
        return Outcome("killed", failed[1] if failed else _last_line(text), taken)


def _last_line(text: str) -> str:
    crash = re.search(r"^Fatal Python error: .*", text, re.MULTILINE)
    return crash.group() if crash else (text.strip().splitlines() or ["nothing was said"])[-1]


# --- results ------------------------------------------------------------------------------------


def _digest(*paths: Path) -> str:
    made = hashlib.sha256()
    for path in paths:
        made.update(path.read_bytes() if path.is_file() else b"")
    return made.hexdigest()[:16]


class Results:
    """What became of mutants, in a file that is written after each of them."""

    def __init__(self, project: Project, path: Path) -> None:
        self._project, self._path, self._lock = project, path, threading.Lock()
        self._marked: dict[tuple[str, tuple[str, ...]], tuple[str, str]] = {}
        self.rows: dict[str, dict[str, object]] = {}
        if path.exists():
            self.rows = json.loads(path.read_text())

    def _marks(self, mutant: Mutant, tests: tuple[str, ...]) -> tuple[str, str]:
        """Return digests of the module and its tests, as they were when first asked for."""
        what = mutant.module, tests
        if what not in self._marked:
            root = self._project.root
            helpers = [p for p in sorted((root / "tests").glob("*.py")) if p.name[:5] != "test_"]
            module = self._project.source / mutant.module
            self._marked[what] = _digest(module), _digest(*(root / t for t in tests), *helpers)
        return self._marked[what]

    def known(self, mutant: Mutant, tests: tuple[str, ...]) -> dict[str, object] | None:
        """Return what is known already, if it still holds."""
        row = self.rows.get(mutant.key)
        if row is None:
            return None
        source, tested = self._marks(mutant, tests)
        holds = row["source"] == source and (row["status"] != "survived" or row["tests"] == tested)
        return row if holds else None

    def add(self, mutant: Mutant, tests: tuple[str, ...], outcome: Outcome) -> dict[str, object]:
        """Keep an outcome."""
        source, tested = self._marks(mutant, tests)
        row: dict[str, object] = {
            "status": outcome.status,
            "place": f"{mutant.module}:{mutant.line}",
            "where": mutant.where,
            "operator": mutant.operator,
            "change": mutant.change,
            "by": outcome.by,
            "seconds": round(outcome.seconds, 1),
            "source": source,
            "tests": tested,
        }
        with self._lock:
            self.rows[mutant.key] = row
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps(self.rows, indent=1))
            part.replace(self._path)
        return row


class Measured:
    """How each set of tests does on the tree as it is, in a file, while nothing there changes."""

    def __init__(self, project: Project, path: Path) -> None:
        sources, tests = project.source.rglob("*.py"), (project.root / "tests").glob("*.py")
        self._tree = _digest(*sorted([*sources, *tests]))
        self._path, self._lock = path, threading.Lock()
        self._each: dict[tuple[str, ...], threading.Lock] = {}
        self._known: dict[str, dict[str, object]] = {}
        if path.exists():
            self._known = json.loads(path.read_text())

    def of(self, tests: tuple[str, ...], copy: Copy) -> tuple[tuple[str, ...], float]:
        """Return a set's tests with their options, and its limit; the first time, it is run."""
        name = " ".join(tests)
        with self._lock:
            mine = self._each.setdefault(tests, threading.Lock())
        with mine:
            row = self._known.get(name, {})
            if row.get("tree") != self._tree:
                steady, limit_s = _measure(tests, copy)
                row = {"tree": self._tree, "steady": steady, "limit_s": limit_s}
                with self._lock:
                    self._known[name] = row
                    self._path.write_text(json.dumps(self._known, indent=1))
        return tuple(row["steady"]), float(row["limit_s"])  # type: ignore[arg-type]


def _measure(tests: tuple[str, ...], copy: Copy) -> tuple[tuple[str, ...], float]:
    """Run a set of tests without a mutant: they have to pass, and say how long it takes.

    One that fails among the others and passes alone, as a busy machine makes some, is left out.
    """
    steady = tests
    while (plain := copy.run(steady, 1800, None)).status != "survived":
        leave_out = f"--deselect={plain.by}"
        alone = "::" in plain.by and leave_out not in steady and copy.run((plain.by,), 300, None)
        if not alone or alone.status != "survived":
            said = f"{plain.status} without a mutant: {plain.by}"
            raise SystemExit(f"{' '.join(tests)}: {said}")
        print(f"left out, for it passes alone only: {plain.by}", flush=True)
        steady = (*steady, leave_out)
    known = copy.times(tests)
    slowest = max(json.loads(known.read_text()).values()) if known.exists() else 10.0
    # By a thread: a compiled loop that does not end hears no signal.
    each = (f"--timeout={20 + 5 * slowest:.0f}", "--timeout-method=thread")
    return (*steady, *each), 60 + 4 * plain.seconds


@dataclasses.dataclass
class Campaign:
    """Many mutants, a few at a time."""

    project: Project
    folder: Path
    tests: tuple[str, ...] = ()
    jobs: int = 1
    minutes: float = 1e9

    def __post_init__(self) -> None:
        (self.folder / "cache").mkdir(parents=True, exist_ok=True)
        self.results = Results(self.project, self.folder / "results.json")
        self._measured = Measured(self.project, self.folder / "measured.json")
        self._deadline = time.monotonic() + 60 * self.minutes

    def run(self, mutants: list[Mutant]) -> Iterator[tuple[Mutant, dict[str, object]]]:
        """Yield mutants with what became of them, as known or as found now."""
        waiting = []
        for mutant in mutants:
            known = self.results.known(mutant, self._tests_of(mutant))
            if known:
                yield mutant, known
            else:
                waiting.append(mutant)
        if not waiting:
            return
        waiting.sort(key=self._tests_of)
        with tempfile.TemporaryDirectory(prefix="mutate-") as scratch:
            free: queue.SimpleQueue[Copy] = queue.SimpleQueue()
            for k in range(self.jobs):
                free.put(Copy(self.project, Path(scratch) / str(k), self.folder / "cache"))
            with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
                work = [pool.submit(self._try, mutant, free) for mutant in waiting]
                try:
                    for future in concurrent.futures.as_completed(work):
                        found = future.result()
                        if found:
                            yield found
                finally:  # stopped: nothing more is begun, and what runs is waited for
                    self._deadline = 0.0

    def _tests_of(self, mutant: Mutant) -> tuple[str, ...]:
        orders = _ORDERED.search(mutant.change) is not None and mutant.operator in _ORDER_CHANGES
        return self.tests or self.project.tests_of(mutant.module, orders=orders)

    def _try(
        self, mutant: Mutant, free: queue.SimpleQueue[Copy]
    ) -> tuple[Mutant, dict[str, object]] | None:
        tests, copy = self._tests_of(mutant), free.get()
        try:
            if time.monotonic() > self._deadline:
                return None
            steady, limit_s = self._measured.of(tests, copy)
            outcome = copy.run(steady, limit_s, mutant)
        finally:
            free.put(copy)
        return mutant, self.results.add(mutant, tests, outcome)


def summary(rows: list[dict[str, object]]) -> str:
    """Return how many were killed, in a line."""
    dead = [row for row in rows if row["status"] != "survived"]
    slow = sum(row["status"] == "timed out" for row in rows)
    share = len(dead) / len(rows) if rows else 1.0
    return f"{len(dead)} of {len(rows)} killed ({share:.1%}), {slow} of them by the time limit"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns 1 if something survived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="files or folders below src/zerocross; all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20, help="mutants to draw")
    parser.add_argument("--tests", nargs="+", default=(), help="test files in place of the table's")
    parser.add_argument("--folder", type=Path, default=ROOT / ".mutation", help="of the results")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no more after so many")
    parser.add_argument("--list", action="store_true", help="show what would be run, and stop")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    project = this_project()
    mutants = draw(project, project.modules(chosen.modules), chosen.seed, chosen.count)
    if chosen.list:
        for mutant in mutants:
            print(f"{mutant.module}:{mutant.line} {mutant.operator}: {mutant.change}")
        return 0
    campaign = Campaign(project, chosen.folder, tuple(chosen.tests), chosen.jobs, chosen.minutes)
    rows = []
    for mutant, row in campaign.run(mutants):
        rows.append(row)
        print(f"{row['status']:9} {row['seconds']:6} s  {row['place']}  {row['by']}", flush=True)
        if row["status"] == "survived":
            print(f"    in {mutant.where}, {mutant.operator}\n{mutant.diff}", flush=True)
    print(summary(rows))
    if len(rows) < len(mutants):
        print(f"{len(mutants) - len(rows)} are left; run the same again to go on")
    return int(any(row["status"] == "survived" for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
