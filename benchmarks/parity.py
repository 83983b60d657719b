"""Chains here, in WebAssembly and by NumPy and SciPy: what comes of each, beside the scalar level.

``python -m benchmarks parity [--write docs/web.md]`` measures the table of docs/web.md: noise through each chain, in
random blocks, while parameters move. Where kernels may fuse a multiplication with an addition (`multiply_add`),
machines that can do: AVX2 and later. There the results differ by roundings, and from float64 everywhere.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import zerocross.web
from benchmarks import parity_oracles as oracles
from zerocross import Chain, Parallel, param, processor
from zerocross.compiler import target
from zerocross.effects import (
    Balance,
    Compressor,
    Convolver,
    Delay,
    Gain,
    Gate,
    Limiter,
    LoudnessMeter,
    Meter,
    Oscillator,
    Pan,
    Reverb,
    TapPoint,
)
from zerocross.eq import Equalizer
from zerocross.graph.program import run_program_over
from zerocross.web import WebChain, web_chain

PAGE = Path(zerocross.web.__file__).parent / "page"
RATE = 48_000
BANDS = [("peaking", 60.0 * 2.1**k, 1.0 + 0.1 * k, 6.0 * (-1) ** k) for k in range(8)]
BEGIN, END = "<!-- python -m benchmarks parity -->\n", "<!-- end -->"
#: How far from the scalar level anything may be, of full scale.
BOUND = 1e-6
_ORACLE = "NumPy, SciPy"
_FRAMES = 100_000
_NOISE = np.random.default_rng(9).standard_normal(3000).astype(np.float32) * 0.01


@processor
class Wobble:
    """A user's own: elementary functions, an array, an if, scratch memory."""

    depth: float = param(0.5, 0.0, 1.0)
    hz: float = param(3.0, 0.1, 20.0, "Hz")
    phase: float = 0.0

    def prepare(self, sample_rate, channels, max_block):
        self.line = np.zeros((channels, 257))
        self.place = 0

    def process(self, block):
        held = block.scratch(block.frames)
        for i in range(block.frames):
            self.phase += self.hz / block.sample_rate
            if self.phase >= 1.0:
                self.phase -= 1.0
            held[i] = 1.0 - self.depth * (0.5 + 0.5 * math.sin(2.0 * math.pi * self.phase))
        for c in range(block.channels):
            at = self.place
            for i in range(block.frames):
                x = block.input[c, i] * held[i]
                block.output[c, i] = math.tanh(x + 0.3 * self.line[c, at])
                self.line[c, at] = x
                at = at + 1 if at < 256 else 0
        self.place = (self.place + block.frames) % 257


CHAINS = {
    "nothing": lambda: Chain(Gain()),
    "equaliser": lambda: Chain(Equalizer(BANDS)),
    "many bands": lambda: Chain(Equalizer([(k, f, q, g) for k, f, q, g in BANDS for _ in "12"])),
    "dynamics": lambda: Chain(Gate(), Compressor(), Limiter()),
    "space": lambda: Chain(Delay(), Reverb()),
    "an echo": lambda: Chain(Delay()),
    "levels": lambda: Chain(Gain(gain_db=-3.0), Pan(), Balance(), Meter()),
    "looking": lambda: Chain(LoudnessMeter(), TapPoint(4096)),
    "a tone": lambda: Chain(Oscillator()),
    "an impulse response": lambda: Chain(Convolver(_NOISE)),
    "branches": lambda: Chain(Parallel(Gain(gain_db=-6.0), Chain(Limiter()), Equalizer(BANDS[:2]))),
    "one's own": lambda: Chain(Wobble()),
    "all": lambda: Chain(Equalizer(BANDS), Compressor(), Reverb(), Limiter()),
}
#: Chains with kernels that may fuse, where the machine can.
FUSED = {"equaliser", "many bands", "an impulse response", "branches", "all"}
_SOS = Equalizer(BANDS).sos(RATE)
#: What chains have to give, by NumPy and SciPy in float64; others have no independent arithmetic.
ORACLES = {
    "nothing": oracles.gain(),
    "equaliser": oracles.equalizer(_SOS),
    "many bands": oracles.equalizer(np.repeat(_SOS, 2, axis=0)),
    "an echo": oracles.echo(0.3, 0.3, 0.3),
    "levels": oracles.gain(-3.0),
    "looking": oracles.same,
    "a tone": oracles.tone(440.0, -12.0),
    "an impulse response": oracles.convolution(_NOISE, 64),
    "branches": oracles.branches(_SOS[:2], -6.0, 239),
    "one's own": oracles.wobble,
}
#: Parameters that move while a chain runs.
CHANGES = {
    "nothing": {"0.gain_db": (-60.0, 24.0)},
    "space": {"1.mix": (0.0, 1.0)},
    "one's own": {"0.depth": (0.0, 1.0), "0.hz": (0.1, 20.0)},
    "equaliser": {"0.preamp_db": (-20.0, 6.0)},
}


def changes_for(name, count, seed):
    random = np.random.default_rng(seed)
    ranges = CHANGES.get(name, {})
    return {
        int(k): [(each, float(random.uniform(*ends))) for each, ends in ranges.items()]
        for k in random.choice(count, min(count, 5), replace=False)
    }


def natively(chain, signal, blocks, changes, rate=RATE):
    """Run a chain here in the same blocks, with the same changes of its parameters."""
    rows = np.ascontiguousarray(signal.T)
    out = np.zeros_like(rows)
    at = 0
    with chain.rendering(rate, len(rows)) as program:
        for k, count in enumerate(blocks):
            for name, value in changes.get(k, []):
                number, _, word = name.partition(".")
                setattr(program.processors[int(number)], word, value)
            run_program_over(
                program.record.address,
                rows.ctypes.data + 4 * at,
                out.ctypes.data + 4 * at,
                rows.shape[1],
                count,
            )
            at += count
    return out.T


def some_blocks(frames, seed):
    """Return lengths of blocks that add up: of a worklet, longer ones, single frames."""
    random = np.random.default_rng(seed)
    blocks = []
    while (left := frames - sum(blocks)) > 0:
        blocks.append(min(left, int(random.choice([1, 7, 64, 128, 128, 500, 4096]))))
    return blocks


class Jobs:
    """Chains that Node is to run, all in one process; and what came of them."""

    def __init__(self, node: str | Path, folder: Path) -> None:
        self._node, self._folder = node, folder
        self._jobs: list[dict[str, Any]] = []

    def add(self, made, name, signal, blocks, changes):
        base = self._folder / str(len(self._jobs))
        paths = {key: f"{base}.{key}" for key in ("module", "image", "input", "output")}
        Path(paths["module"]).write_bytes(made.modules[name])
        Path(paths["image"]).write_bytes(made.image)
        np.ascontiguousarray(signal.T, "<f4").tofile(paths["input"])
        self._jobs.append({**paths, "blocks": blocks, "changes": changes, "shape": signal.T.shape})

    def run(self):
        subprocess.run(
            [self._node, Path(__file__).with_suffix(".mjs"), PAGE],
            input=json.dumps(self._jobs),
            text=True,
            check=True,
        )
        return self._results()

    def run_in_chromium(self, program: str):
        """Run them in a page of a browser; every file of it comes from here."""
        from playwright.sync_api import sync_playwright

        def answer(route):
            path = urllib.parse.unquote(urllib.parse.urlparse(route.request.url).path)
            if route.request.method == "POST":
                Path(path).write_bytes(route.request.post_data_buffer)
                route.fulfill(body="")
            else:
                kind = {".js": "text/javascript", ".mjs": "text/javascript"}
                body = Path(path).read_bytes() if path != "/" else b""
                route.fulfill(body=body, content_type=kind.get(Path(path).suffix, "text/html"))

        with sync_playwright() as runs:
            browser = runs.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page()
            page.route("**/*", answer)
            page.goto("http://localhost/")
            files = [str(PAGE / "chain.js"), str(Path(__file__).with_name("parity_job.mjs"))]
            page.evaluate(_IN_A_PAGE, [*files, self._jobs])
            browser.close()
        return self._results()

    def _results(self):
        return [np.fromfile(job["output"], "<f4").reshape(job["shape"]).T for job in self._jobs]


_IN_A_PAGE = """
async ([chain, runner, jobs]) => {
  const { Chain } = await import(chain), { runJob } = await import(runner);
  const bytes = async (path) => (await fetch(path)).arrayBuffer();
  for (const job of jobs) {
    const [module, image, input] = await Promise.all([job.module, job.image, job.input].map(bytes));
    const { output } = runJob(Chain, job, module, image, new Float32Array(input));
    await fetch(job.output, { method: "POST", body: output });
  }
}
"""


# --- the table --------------------------------------------------------------------------------------


def _task(name: str) -> tuple[npt.NDArray[np.float32], list[int], Any]:
    """Return the signal, the blocks and the changes of a chain."""
    signal = np.random.default_rng(2).standard_normal((_FRAMES, 2)).astype(np.float32) * 0.1
    blocks = some_blocks(_FRAMES, 3)
    return signal, blocks, changes_for(name, len(blocks), 4)


def _at(level: str, folder: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Run all chains natively at a level, in a process of its own."""
    file = folder / f"{level}.npz"
    subprocess.run(
        [sys.executable, "-m", "benchmarks.parity", file],
        env=os.environ | {"ZEROCROSS_SIMD": level},
        check=True,
    )
    with np.load(file) as found:
        return {name: found[name] for name in CHAINS}


def find_node() -> str:
    """Return the system's Node, else the one that playwright brings."""
    found = shutil.which("node")
    if found:
        return found
    import playwright

    return str(Path(playwright.__file__).parent / "driver" / "node")


def by_oracle(
    name: str, signal: npt.NDArray[np.float32], blocks: Any, changes: Any, rate: float = RATE
) -> npt.NDArray[np.float64]:
    """Return what NumPy and SciPy make of a signal in the place of a chain."""

    def moves(word: str, first: float) -> npt.NDArray[np.float64]:
        return oracles.moving(blocks, changes, rate, word, first)

    return ORACLES[name](signal.astype(np.float64), moves, rate)


def measured(tell: Callable[[str], None]) -> dict[str, dict[str, float | None]]:
    """Return by chain and target how far it is from the scalar level at most, of full scale.

    None where there is none to compare with. Without Chromium its columns are left out.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results: dict[str, Any] = {}
        for level in target.available():
            tell(level)
            results[level] = _at(level, folder)
        jobs = Jobs(find_node(), folder)
        for each, make in CHAINS.items():
            tell(f"{each} in WebAssembly")
            made = web_chain(make(), RATE)
            for level in target.WEB:
                jobs.add(made, level, *_task(each))
        _take(results, "Node", jobs.run())
        if chromium := shutil.which("chromium"):
            tell("Chromium")
            _take(results, "Chromium", jobs.run_in_chromium(chromium))
        results[_ORACLE] = {each: by_oracle(each, *_task(each)) for each in ORACLES}
    scalar = results.pop("scalar")
    return {
        each: {
            level: float(np.abs(of[each] - scalar[each]).max()) if each in of else None
            for level, of in results.items()
        }
        for each in CHAINS
    }


def _take(results: dict[str, Any], where: str, found: list[Any]) -> None:
    """Sort what the jobs of all chains and targets gave into columns."""
    for k, level in enumerate(target.WEB):
        results[f"{where}, {level}"] = dict(zip(CHAINS, found[k :: len(target.WEB)], strict=True))


def table(rows: dict[str, dict[str, float | None]]) -> str:
    """Return the table of docs/web.md."""
    levels = list(next(iter(rows.values())))
    lines = [
        f"| chain | {' | '.join(levels)} |",
        "|---|" + "---|" * len(levels),
        *(
            f"| {name} | {' | '.join(words(row[level]) for level in levels)} |"
            for name, row in rows.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def words(error: float | None) -> str:
    if error is None:
        return "none"
    return "same bits" if error == 0.0 else f"{error:.1e}"


def holds(rows: dict[str, dict[str, float | None]]) -> bool:
    """Return whether nothing is further off than the bound."""
    return all(error is None or error < BOUND for row in rows.values() for error in row.values())


def write(path: Path, rows: dict[str, dict[str, float | None]]) -> None:
    """Put the table between its marks in a document."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(before + BEGIN + table(rows) + END + after, encoding="utf-8")


# --- settings at random -----------------------------------------------------------------------------

_KINDS = ("lowpass", "highpass", "bandpass", "notch", "allpass", "peaking", "lowshelf", "highshelf")
_RATES = (8_000, 22_050, 44_100, 48_000, 96_000, 192_000)


def _random_bands(random: np.random.Generator) -> list[tuple[str, float, float, float]]:
    return [
        (
            str(random.choice(_KINDS)),
            float(np.exp(random.uniform(np.log(10.0), np.log(3_900.0)))),
            float(np.exp(random.uniform(np.log(0.1), np.log(20.0)))),
            float(random.uniform(-24.0, 24.0)),
        )
        for _ in range(8)
    ]


#: Chains whose code is the same whatever they are set to.
_SET: dict[str, Callable[[np.random.Generator], Chain]] = {
    "equaliser": lambda random: Chain(Equalizer(_random_bands(random), engine="cascade")),
    "dynamics": lambda _: Chain(Gate(), Compressor(), Limiter()),
    "space": lambda _: Chain(Delay(), Reverb()),
    "one's own": lambda _: Chain(Wobble(), Gain(), Balance()),
    "all": lambda random: Chain(
        Equalizer(_random_bands(random), engine="cascade"), Compressor(), Reverb(), Limiter()
    ),
}


def _random_chain(name: str, random: np.random.Generator) -> Chain:
    """Return a chain whose parameters are anywhere in their ranges."""
    made = _SET[name](random)
    for part in made.processors():
        for word, each in part._params.items():
            setattr(part, word, float(random.uniform(each.min, each.max)))
    return made


def _random_run(seed: int) -> tuple[str, Callable[[], Chain], float, Any]:
    """Return what is run by a number: a chain's name, how it is made, its rate, and `_task`'s."""
    random = np.random.default_rng(seed)
    name, rate = str(random.choice(list(_SET))), int(random.choice(_RATES))
    frames = int(random.integers(1, 3000))
    signal = random.standard_normal((frames, 2)).astype(np.float32)
    signal *= np.float32(10 ** random.uniform(-4.0, 0.5))
    blocks = some_blocks(frames, seed)
    state = int(random.integers(1 << 62))
    changes = {
        int(k): [
            (f"{number}.{word}", float(random.uniform(each.min, each.max)))
            for number, part in enumerate(
                _random_chain(name, np.random.default_rng(state)).processors()
            )
            for word, each in part._params.items()
        ]
        for k in random.choice(len(blocks), min(len(blocks), 2), replace=False)
    }

    def make() -> Chain:
        return _random_chain(name, np.random.default_rng(state))

    return name, make, rate, (signal, blocks, changes)


def differing(first: int, count: int) -> list[int]:
    """Return which of some settings at random give other bits in WebAssembly than here."""
    found = []
    modules: dict[Any, dict[str, bytes]] = {}  # of each chain and rate: records may grow with it
    for start in range(first, first + count, 100):
        with tempfile.TemporaryDirectory() as folder:
            jobs, here = Jobs(find_node(), Path(folder)), []
            for seed in range(start, min(start + 100, first + count)):
                name, make, rate, task = _random_run(seed)
                if (name, rate) not in modules:
                    modules[name, rate] = web_chain(make(), rate).modules
                made = WebChain(modules[name, rate], web_chain(make(), rate, targets=()).image)
                wanted = natively(make(), *task, rate)
                for level in target.WEB:
                    jobs.add(made, level, *task)
                    here.append((seed, wanted))
            for (seed, wanted), there in zip(here, jobs.run(), strict=True):
                if wanted.tobytes() != np.ascontiguousarray(there).tobytes():
                    found.append(seed)
        print(f"{start + 100 - first} of {count}: {len(found)} differ", file=sys.stderr, flush=True)
    return found


def _main(words: list[str]) -> int:
    if words[0] == "differing":
        found = differing(int(words[1]), int(words[2]))
        print(*found)
        return 1 if found else 0
    np.savez(words[0], **{name: natively(make(), *_task(name)) for name, make in CHAINS.items()})
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
