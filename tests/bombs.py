"""Files that are meant to harm: made in a folder, and opened one by one, timed and weighed.

    python tests/bombs.py FOLDER

prints a line of JSON for each: its name, what was said of it, seconds, and megabytes by which the
process grew. It runs in a process of its own because memory is known by its highest mark only.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import resource
import signal
import socket
import struct
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

GIGABYTE = 1 << 30


def sparse(path, head, size):
    """Write a beginning, and nothing more, in a file of a size."""
    path.write_bytes(head)
    os.truncate(path, size)


def wav_head(channels, rate, size, bits=16):
    block = channels * bits // 8
    fmt = struct.pack(
        "<HHIIHH", 1, channels & 0xFFFF, rate, (rate * block) & 0xFFFFFFFF, block & 0xFFFF, bits
    )
    return (
        b"RIFF"
        + struct.pack("<I", min(size + 36, 0xFFFFFFFF))
        + b"WAVEfmt \x10\0\0\0"
        + fmt
        + b"data"
        + struct.pack("<I", size)
    )


def aiff_head(channels, frames, rate=b"\x40\x0e\xbb\x80" + bytes(6)):
    comm = struct.pack(">hIh", channels, frames, 16) + rate
    return (
        b"FORM\xff\xff\xff\xf0AIFFCOMM"
        + struct.pack(">I", len(comm))
        + comm
        + b"SSND\xff\xff\xff\x00"
        + bytes(8)
    )


def caf_head(channels, rate, size):
    desc = struct.pack(">d4sIIIII", rate, b"lpcm", 0, channels * 2, 1, channels, 16)
    return (
        b"caff\0\1\0\0desc"
        + struct.pack(">q", 32)
        + desc
        + b"data"
        + struct.pack(">q", size)
        + bytes(4)
    )


def w64_head(channels, rate, size):
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return (
        b"riff"
        + bytes.fromhex("2e91cf11a5d628db04c10000")
        + struct.pack("<q", size)
        + b"wave"
        + tail
        + b"fmt "
        + tail
        + struct.pack("<q", 40)
        + fmt
        + b"data"
        + tail
        + struct.pack("<q", size)
    )


def flac_head(frames, channels=2, rate=48_000):
    """Return a STREAMINFO that claims frames, and no audio."""
    packed = (rate << 44) | ((channels - 1) << 41) | (15 << 36) | frames
    info = struct.pack(">HH", 4096, 4096) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80\0\0\x22" + info


def id3_head(size):
    return b"ID3\x04\0\0" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))


def make_headers(folder):
    """Write audio files whose headers lie; returns their names."""
    sparse(folder / "hours.wav", wav_head(2, 48_000, 4 * GIGABYTE - 400), 4 * GIGABYTE - 300)
    heads = {
        "claims.wav": wav_head(2, 48_000, 0xFFFFFF00),
        "channels.wav": wav_head(65_535, 48_000, 1000),
        "rate0.wav": wav_head(2, 0, 1000),
        "rate4e9.wav": wav_head(2, 4_000_000_000, 1000),
        "claims.aiff": aiff_head(2, 0xFFFFFFFF),
        "channels.aiff": aiff_head(32_767, 1 << 30),
        "channels.caf": caf_head(1_000_000_000, 48_000.0, 1 << 40),
        "rate.caf": caf_head(2, 4e9, 1 << 40),
        "negative.caf": caf_head(2, 48_000.0, -(1 << 60)),
        "nan.caf": caf_head(2, float("nan"), 1 << 40),
        "claims.w64": w64_head(2, 48_000, 1 << 62),
        "negative.w64": w64_head(2, 48_000, -(1 << 62)),
        "claims.flac": flac_head((1 << 36) - 1),
        "rf64.wav": b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0" + b"\xff" * 28,
    }
    for name, head in heads.items():
        (folder / name).write_bytes(head + bytes(4000))
    sparse(folder / "tag.mp3", id3_head((1 << 28) - 1), (1 << 28) + 5000)
    return [*heads, "tag.mp3"]


def make_playlists(folder):
    """Write playlists that grow; returns their names."""
    (folder / "self.m3u").write_text("self.m3u\n" * 6)
    (folder / "a.m3u").write_text("b.m3u\n" * 6)
    (folder / "b.m3u").write_text("a.m3u\nlinked.m3u\n" * 3)
    (folder / "linked.m3u").symlink_to("a.m3u")
    for level in range(9):
        (folder / f"wide{level}.m3u").write_text(f"wide{level + 1}.m3u\n" * 20)
    sparse(folder / "huge.m3u", b"#EXTM3U\n", 4 * GIGABYTE)
    (folder / "line.m3u").write_bytes(b"x" * (3 << 20) + b"\n")
    (folder / "nothing.m3u").write_bytes(b"rtsp://x\n" * 100_000)
    (folder / "self.pls").write_text("".join(f"File{k}=self.pls\n" for k in range(6)))
    (folder / "numbers.pls").write_text("".join(f"File{k}=rtsp://x\n" for k in range(30_000)))
    sparse(folder / "huge.cue", b"REM x\n", 4 * GIGABYTE)
    (folder / "lines.cue").write_text("FILE a WAVE\n" * 100_000)
    (folder / "blanks.cue").write_text("FILE" + " " * (3 << 20))
    (folder / "quotes.cue").write_text('FILE "' + '" "' * (1 << 20))
    m3us = ["self.m3u", "a.m3u", "wide0.m3u", "huge.m3u", "line.m3u", "nothing.m3u"]
    return [
        *m3us,
        *(f"{n}.cue" for n in ("huge", "lines", "blanks", "quotes")),
        "self.pls",
        "numbers.pls",
    ]


def make_presets(folder):
    """Write presets that grow; returns their names."""
    (folder / "self.txt").write_text("Preamp: 0 dB\n" + "Include: self.txt\n" * 6)
    (folder / "a.txt").write_text("Include: b.txt\n" * 6)
    (folder / "b.txt").write_text("Include: linked.txt\n" * 6)
    (folder / "linked.txt").symlink_to("a.txt")
    for level in range(9):
        (folder / f"wide{level}.txt").write_text(f"Include: wide{level + 1}.txt\n" * 20)
    sparse(folder / "huge.txt", b"Preamp: 0 dB\n", 4 * GIGABYTE)
    (folder / "lines.txt").write_text("Preamp: x\n" * 100_000)
    (folder / "spaces.txt").write_text("a" + " " * 400_000 + "x\n")
    (folder / "points.txt").write_text("GraphicEQ: " + "1 1;" * 250_000)
    return [f"{n}.txt" for n in ("self", "a", "wide0", "huge", "lines", "spaces", "points")]


def no_files(folder):
    """Return what stands in a file's place."""
    os.mkfifo(folder / "fifo")
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(os.fspath(folder / "socket"))
    _, terminal = pty.openpty()
    os.symlink("/dev/zero", folder / "zero.wav")
    names = ["/dev/zero", "/dev/urandom", "/proc/self/mem", os.ttyname(terminal)]
    return [*names, *(os.fspath(folder / name) for name in ("fifo", "socket", "", "zero.wav"))]


def readers():
    """Return what opens files, by name."""
    from zerocross.effects import Convolver
    from zerocross.eq.presets import read_preset
    from zerocross.graph.user_file import load_file
    from zerocross.loudness.replaygain import read_gain_tags
    from zerocross.sources.opening import open_source
    from zerocross.sources.playlists import expand_paths as expand

    def playlist(path):
        files, problems = expand([path])
        return f"{len(files)} files: " + " | ".join(sorted({p.reason for p in problems}))

    return {
        "audio": lambda path: f"opened: {open_source(path).frames} frames",
        "impulse": lambda path: f"opened: {Convolver(path)}",
        "preset": lambda path: "; ".join(sorted({s.reason for s in read_preset(path).skipped})),
        "playlist": playlist,
        "effect": lambda path: str(load_file(path)),
        "tags": lambda path: str(read_gain_tags(path)),
    }


def cases(folder):
    """Yield what is to be opened: by what, its path, its name."""
    for name in make_headers(folder):
        yield "audio", folder / name, name
    yield "impulse", folder / "hours.wav", "hours.wav"
    yield "tags", folder / "tag.mp3", "tag.mp3"
    for name in make_presets(folder):
        yield "preset", folder / name, name
    for name in make_playlists(folder):
        yield "playlist", folder / name, name
    for path in no_files(folder):
        name = path if path.startswith(("/dev/z", "/dev/u", "/proc")) else Path(path).name
        name = "terminal" if path.startswith("/dev/pts") else name or "folder"
        for reader in ("audio", "impulse", "preset", "effect", "tags"):
            yield reader, path, name
    os.mkfifo(folder / "fifo.m3u")
    os.mkfifo(folder / "fifo.cue")
    os.symlink("/dev/zero", folder / "zero.m3u")
    for name in ("fifo.m3u", "fifo.cue", "zero.m3u"):
        yield "playlist", folder / name, name


class Waited(Exception):
    """It took so long that it was given up."""


def give_up(*_):
    raise Waited("waited for it")


def main():
    """Open all, and tell of each."""
    folder = Path(sys.argv[1])
    by_name = readers()
    soundfile.write(folder / "good.wav", np.zeros(100), 48_000)
    by_name["audio"](folder / "good.wav")
    by_name["impulse"](folder / "good.wav")
    by_name["tags"](folder / "good.wav")
    signal.signal(signal.SIGALRM, give_up)
    resource.setrlimit(resource.RLIMIT_AS, (3 * GIGABYTE, 3 * GIGABYTE))
    for reader, path, name in cases(folder):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        signal.alarm(5)
        started = time.monotonic()
        try:
            said = by_name[reader](os.fspath(path))
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        seconds = time.monotonic() - started
        signal.alarm(0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        told = {"case": f"{reader} {name}", "said": said[:2000], "s": seconds, "mb": grown}
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
