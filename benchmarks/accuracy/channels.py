"""Channels: how loud layouts are, and how they are mixed down, as ffmpeg and libebur128 have it.

ffmpeg writes noise, another in each channel, into files of every container and layout; its own downmix
of the same file, and libebur128's loudness with a map of azimuths, are the oracles. Mono is not mixed
as ffmpeg does it (-3 dB to both sides) but unchanged, as documented.
"""

from __future__ import annotations

import ctypes
import functools
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile

from benchmarks.accuracy.row import Row
from zerocross.loudness.files import measure
from zerocross.offline import render

#: What must be installed.
PROGRAMS = ("ffmpeg",)
LIBRARIES = ("libebur128.so.1",)

RATE = 48_000
#: Layouts by ffmpeg's names: each channel's azimuth for libebur128, by the place in its order.
LAYOUTS = {
    "3.0": "Mp030 Mm030 Mp000",
    "quad": "Mp030 Mm030 Mp110 Mm110",
    "5.0": "Mp030 Mm030 Mp000 Mp110 Mm110",
    "5.1": "Mp030 Mm030 Mp000 none Mp110 Mm110",
    "6.1": "Mp030 Mm030 Mp000 none Mp180 Mp090 Mm090",
    "7.1": "Mp030 Mm030 Mp000 none Mp135 Mm135 Mp090 Mm090",
}
#: Layouts that only a mask tells.
MASKED = {
    "2.1": "Mp030 Mm030 none",
    "3.0(back)": "Mp030 Mm030 Mp180",
    "4.0": "Mp030 Mm030 Mp000 Mp180",
    "4.1": "Mp030 Mm030 Mp000 none Mp180",
    "5.1(side)": "Mp030 Mm030 Mp000 none Mp110 Mm110",
    "hexagonal": "Mp030 Mm030 Mp000 Mp110 Mm110 Mp180",
    "6.1(back)": "Mp030 Mm030 Mp000 none Mp110 Mm110 Mp180",
    "7.0": "Mp030 Mm030 Mp000 Mp135 Mm135 Mp090 Mm090",
    "7.1(wide)": "Mp030 Mm030 Mp000 none Mp110 Mm110 Mp000 Mp000",
}
#: Containers by how ffmpeg writes them; masks are read of the first two.
CONTAINERS = {
    "wav": "-c:a pcm_f32le",
    "flac": "-c:a flac -sample_fmt s32",
    "caf": "-c:a pcm_f32le",
    "ogg": "-c:a libvorbis -b:a 400k",
    "opus": "-c:a libopus -mapping_family 1 -b:a 512k",
}
# libebur128's enumeration of places.
_AZIMUTHS = ("none", "Mp030", "Mm030", "Mp000", "Mp110", "Mm110", "dual", "MpSC", "MmSC")
_AZIMUTHS += ("Mp060", "Mm060", "Mp090", "Mm090", "Mp135", "Mm135", "Mp180")
_I, _LRA = 5, 11

Frames = npt.NDArray[np.float32]


def noise(channels: int, seconds: float = 1.0) -> Frames:
    """Return noise below 6 kHz, shape (frames, channels), in each channel another of its own level."""
    rng = np.random.default_rng(17)
    white = rng.standard_normal((round(seconds * RATE), channels))
    spectrum = np.fft.rfft(white, axis=0)
    spectrum[round(6000 * seconds) :] = 0.0
    low = np.fft.irfft(spectrum, len(white), axis=0)
    levels = 0.02 * 1.3 ** np.arange(channels)
    return (low / low.std(axis=0) * levels).astype(np.float32)


def ffmpeg(*arguments: str | Path, data: bytes | None = None) -> bytes:
    """Run ffmpeg; returns what it wrote to its output."""
    command = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode()}")
    return done.stdout


def write_files(folder: Path) -> list[tuple[Path, str]]:
    """Have ffmpeg write a file of every layout and container; returns each with its layout."""
    inputs: list[str | Path] = []
    outputs: list[str | Path] = []
    made: list[tuple[Path, str]] = []
    for place, layout in enumerate([*LAYOUTS, *MASKED]):
        channels = len((LAYOUTS | MASKED)[layout].split())
        raw = folder / f"{place}.f32"
        noise(channels).tofile(raw)
        inputs += ["-f", "f32le", "-ar", str(RATE), "-ac", str(channels)]
        inputs += ["-channel_layout", layout, "-i", raw]
        for ending, how in list(CONTAINERS.items())[: None if layout in LAYOUTS else 2]:
            made.append((folder / f"{place}.{ending}", layout))
            outputs += ["-map", f"{place}:a", *how.split(), "-strict", "-2", made[-1][0]]
    ffmpeg(*inputs, *outputs)
    return made


def decode(paths: list[Path], tail: str) -> Iterator[bytes]:
    """Have ffmpeg decode files to float32, through a filter; yields the samples of each."""
    with tempfile.TemporaryDirectory() as folder:
        inputs: list[str | Path] = []
        outputs: list[str | Path] = []
        for place, path in enumerate(paths):
            inputs += [*(("-c:a", "libopus") if path.suffix == ".opus" else ()), "-i", path]
            outputs += ["-map", f"{place}:a", "-af", tail, "-f", "f32le", f"{folder}/{place}"]
        ffmpeg(*inputs, *outputs)
        for place in range(len(paths)):
            yield Path(folder, str(place)).read_bytes()


@functools.cache
def _libebur128() -> ctypes.CDLL:
    library = ctypes.CDLL(*LIBRARIES)
    library.ebur128_init.restype = ctypes.c_void_p
    library.ebur128_init.argtypes = [ctypes.c_uint, ctypes.c_ulong, ctypes.c_int]
    library.ebur128_set_channel.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
    library.ebur128_add_frames_float.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    for name in ("ebur128_loudness_global", "ebur128_loudness_range"):
        getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_double)]
    library.ebur128_destroy.argtypes = [ctypes.POINTER(ctypes.c_void_p)]
    return library


def ebur128(frames: Frames, azimuths: str, what: str = "global") -> float:
    """Return libebur128's integrated loudness, or its range, of frames at a list of azimuths."""
    library, data = _libebur128(), np.ascontiguousarray(frames, np.float32)
    mode = _LRA if what == "range" else _I
    state = ctypes.c_void_p(library.ebur128_init(data.shape[1], RATE, mode))
    for place, azimuth in enumerate(azimuths.split()):
        library.ebur128_set_channel(state, place, _AZIMUTHS.index(azimuth))
    library.ebur128_add_frames_float(state, data.ctypes.data, len(data))
    found = ctypes.c_double()
    getattr(library, f"ebur128_loudness_{what}")(state, ctypes.byref(found))
    library.ebur128_destroy(ctypes.byref(state))
    return found.value


def ffmpeg_r128(path: Path, key: str, options: str = "") -> float:
    """Return a figure of ffmpeg's filter ``ebur128`` at the end of a file: ``I``, ``LRA``."""
    tail = f"ebur128=metadata=1{options},ametadata=print:key=lavfi.r128.{key}:file=-"
    lines = ffmpeg("-i", path, "-af", tail, "-f", "null", "-").decode().splitlines()
    return float(lines[-1].partition("=")[2])


def rows() -> list[Row]:
    """Measure everything again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_files(folder)
        return [*_downmixes(files, folder), *_loudness(files), *_mono(folder), *_range(folder)]


def _groups(files: list[tuple[Path, str]]) -> Iterator[tuple[str, list[int]]]:
    """Yield the containers and the masks, each with the places of its files."""
    for ending in CONTAINERS:
        own = [k for k, (path, _) in enumerate(files) if path.suffix == f".{ending}"]
        masked = [k for k in own if files[k][1] in MASKED]
        yield f"3.0 to 7.1, .{ending}", [k for k in own if k not in masked]
        if masked:
            yield f"{len(masked)} other masks, .{ending}", masked


def _downmixes(files: list[tuple[Path, str]], folder: Path) -> list[Row]:
    paths = [path for path, _ in files]
    stereo = decode(paths, "aformat=sample_fmts=flt:channel_layouts=stereo")
    wanted = [np.frombuffer(data, np.float32).reshape(-1, 2) for data in stereo]
    render(paths, folder / "out.wav", bits="float")  # one after the other
    joined = soundfile.read(folder / "out.wav", dtype="float32")[0]
    ends = np.cumsum([soundfile.info(path).frames for path in paths])
    errors = []
    for ours, other in zip(np.split(joined, ends[:-1]), wanted, strict=True):
        frames = min(len(ours), len(other))
        errors.append(float(np.abs(ours[:frames] - other[:frames]).max() / np.abs(other).max()))
    return [
        Row(
            f"downmix, {what}",
            "ffmpeg's downmix of the file",
            20 * np.log10(max(errors[k] for k in places) + 1e-15),
            -70.0 if what.endswith("opus") else -120.0,  # ffmpeg decodes Opus to 16 bits
            "dB of the peak",
        )
        for what, places in _groups(files)
    ]


def _loudness(files: list[tuple[Path, str]]) -> list[Row]:
    errors = []
    for (path, layout), data in zip(files, decode([p for p, _ in files], "anull"), strict=True):
        azimuths = (LAYOUTS | MASKED)[layout]
        frames = np.frombuffer(data, np.float32).reshape(-1, len(azimuths.split()))
        errors.append(abs(measure(path).integrated_lufs - ebur128(frames, azimuths)))
    return [
        Row(f"loudness, {what}", "libebur128", max(errors[k] for k in places), 1e-4, "LU")
        for what, places in _groups(files)
    ]


def _mono(folder: Path) -> list[Row]:
    path, frames = folder / "mono.wav", noise(1, 5.0)
    soundfile.write(path, frames, RATE, "FLOAT")
    once, twice = measure(path), measure(path, dual_mono=True)
    return [
        Row(
            "loudness, mono",
            "libebur128",
            abs(once.integrated_lufs - ebur128(frames, "Mp000")),
            1e-6,
            "LU",
        ),
        Row(
            "loudness, dual mono",
            "libebur128",
            abs(twice.integrated_lufs - ebur128(frames, "dual")),
            1e-6,
            "LU",
        ),
        Row(
            "loudness, dual mono",
            "ffmpeg's ebur128",
            abs(twice.integrated_lufs - ffmpeg_r128(path, "I", ":dualmono=1")),
            0.01,
            "LU",
        ),
    ]


def _range(folder: Path) -> list[Row]:
    """Noise whose level goes up and down, so that where the windows are matters."""
    path, rng = folder / "range.wav", np.random.default_rng(5)
    levels = np.repeat(10 ** (rng.uniform(-24, 0, 30) / 20), 2 * RATE)
    frames = (noise(1, 60.0) * levels[:, None]).repeat(2, axis=1)
    soundfile.write(path, frames, RATE, "FLOAT")
    ours = measure(path).range_lu
    theirs = ebur128(frames, "Mp030 Mm030", "range")
    return [
        Row(
            "loudness range",
            "Tech 3342's text, 10 Hz",
            abs(ours - range_of_3342(frames, 10)),
            1e-6,
            "LU",
        ),
        Row(
            "loudness range, libebur128's (it steps by 1 s)",
            "Tech 3342's text, 1 Hz",
            abs(theirs - range_of_3342(frames, 1)),
            1e-6,
            "LU",
        ),
        Row(
            "loudness range, libebur128's (it steps by 1 s)", "ours", abs(theirs - ours), 0.5, "LU"
        ),
    ]


def range_of_3342(frames: Frames, hz: int) -> float:
    """Return the loudness range by the text of EBU Tech 3342, so many short-term values a second."""
    stages = [  # BS.1770-5, Annex 1, Tables 1 and 2
        (
            [1.53512485958697, -2.69169618940638, 1.19839281085285],
            [-1.69065929318241, 0.73248077421585],
        ),
        ([1.0, -2.0, 1.0], [-1.99004745483398, 0.99007225036621]),
    ]
    weighted = frames.astype(np.float64)
    for above, below in stages:
        weighted = scipy.signal.lfilter(above, [1.0, *below], weighted, axis=0)
    sums = np.concatenate([[0.0], np.cumsum((weighted**2).sum(axis=1))])
    starts = np.arange(0, len(frames) - 3 * RATE + 1, RATE // hz)
    energies = (sums[starts + 3 * RATE] - sums[starts]) / (3 * RATE)
    short = -0.691 + 10 * np.log10(energies)
    loud = short[short >= -70]
    gate = -0.691 + 10 * np.log10((10 ** ((loud + 0.691) / 10)).mean()) - 20
    kept = np.sort(loud[loud >= gate])
    low, high = (kept[round((len(kept) - 1) * share)] for share in (0.1, 0.95))
    return float(high - low)
