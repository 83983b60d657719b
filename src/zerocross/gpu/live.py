"""What is heard, kept on a card: its last samples, levels with peaks, and how they went."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zerocross.errors import UsageError
from zerocross.gpu.card import Card
from zerocross.gpu.following import Following
from zerocross.gpu.painter import Seen
from zerocross.gpu.spectra import BandSpectra, checked_size
from zerocross.sync.tap import Tap
from zerocross.units import checked_number, checked_whole

__all__ = ["MOST_SAMPLE", "LiveSound"]

#: Samples of a plane, a power of two: the longest window twice.
_PLANE = 1 << 16
#: Frames that are brought at a time, and windows that are made of them, at most.
_MOST, _WINDOWS = 1 << 14, 256
#: Two places for the numbers of programs, each as far from the next as a binding has to be; samples come behind them.
_HEADS = 2 * 256
#: So fast the gain of waves follows: down at once, up by so much a second.
_GAIN_RISE, _MOST_GAIN = 1.5, 30.0
#: What is beyond is held to it, 120 dB over full scale: squares of much more are infinite, and encoders refuse it.
MOST_SAMPLE = 1e6
#: More are a mistake: frames that were given as channels.
_MOST_CHANNELS = 64

#: Samples come as they are in a tap, a row after the other, and each goes to two places: a window is in one piece.
_TAKE = """
@group(0) @binding(0) var<storage, read> came: array<u32>;
@group(0) @binding(1) var<storage, read_write> planes: array<f32>;
const length = {plane}u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) place: vec3u) {{
  let i = place.x; let at = came[0]; let count = came[1]; let channels = came[2];
  if (i >= count) {{ return; }}
  let left = bitcast<f32>(came[4u + i]);
  let right = bitcast<f32>(came[4u + i + select(0u, count, channels > 1u)]);
  let spot = (at + i) & (length - 1u);
  let mixed = 0.5 * (left + right);
  planes[spot] = mixed; planes[spot + length] = mixed;
  planes[2u * length + spot] = left; planes[3u * length + spot] = left;
  planes[4u * length + spot] = right; planes[5u * length + spot] = right;
}}
"""


class LiveSound:
    """A sound as scenes see it, all of it on a card: only samples go there, and nothing comes back.

    Parameters
    ----------
    card : Card
        Where.
    sample_rate : int
        In Hz.
    bands : int
        Of levels, 1 to 512.
    scale : str
        Of frequencies, as for `spectrum.Spectrum`.
    fft_size : int
        256 to 32768 samples of a window; one ends 187 times a second, or twice in its length.
    decay_s : float
        Time constant with which levels fall.
    seconds : float
        How long levels are kept, for those who show their history.
    low_hz, high_hz : float
        The range of the bands.

    Attributes
    ----------
    spectra : BandSpectra
        Whose levels these are.
    gain : float
        With which its waves fill a picture: 1 over their peak, at most 30; it comes back slowly.

    Raises
    ------
    UsageError
        For what is out of range.

    Notes
    -----
    Real-time: not safe. The first two channels are seen; mono is both.

    """

    def __init__(
        self,
        card: Card,
        sample_rate: int,
        bands: int = 240,
        scale: str = "logarithmic",
        fft_size: int = 4096,
        decay_s: float = 0.12,
        seconds: float = 10.0,
        low_hz: float = 20.0,
        high_hz: float = 20_000.0,
    ) -> None:
        self.card, self.sample_rate = card, checked_whole("sample_rate", sample_rate, 1000, 1 << 20)
        fft_size = checked_size(fft_size)
        # 256 at 48 kHz: as often in a second at any rate.
        hop = min(max(16, round(sample_rate / 187.5)), fft_size // 2)
        self.spectra = BandSpectra(
            card,
            sample_rate,
            bands,
            scale,
            low_hz=low_hz,
            high_hz=high_hz,
            fft_size=fft_size,
            hop=hop,
        )
        count = len(self.spectra.bands)
        seconds = checked_number(
            "seconds", seconds, 2 * hop / sample_rate, (1 << 16) * hop / sample_rate, "s"
        )
        self._rows = round(seconds * sample_rate / hop)
        self._following = Following(self.spectra, 0.0, decay_s, 0.7, 18.0)
        self._told = card.memory(_HEADS + 4 * (4 + 2 * _MOST))
        of_made, of_followed, came = (
            {"buffer": self._told, "offset": offset, "size": size}
            for offset, size in ((0, 16), (_HEADS // 2, 32), (_HEADS, self._told.size - _HEADS))
        )
        self._planes = card.memory(4 * 6 * _PLANE)
        self._take = card.program(_TAKE.format(plane=_PLANE))
        self._taken = self._take.bind([came, self._planes])
        now, levels, peaks, self._history = (
            card.upload(np.full(rows * count, -200, np.float32))
            for rows in (_WINDOWS, _WINDOWS, _WINDOWS, self._rows)
        )
        self._now = now
        self._made = self.spectra.prepare(self._planes, now, of_made)
        self._followed = self._following.prepare(now, levels, peaks, of_followed)
        self._seen = Seen(levels, peaks, self._history, self._planes, count, self._rows)
        self._seen.plane, self._seen.sample_rate, self._seen.end = 2 * _PLANE, sample_rate, _PLANE
        self.gain = _MOST_GAIN
        self.reset()

    def reset(self) -> None:
        """Forget what was heard; the history stays."""
        self._frames = 0
        self._made_until = 0
        self._heard: int | None = None
        self._following.reset()

    @property
    def seen(self) -> Seen:
        """What there is for a `Painter`, after the last `feed`."""
        return self._seen

    @property
    def samples(self) -> tuple[Any, int]:
        """The buffer whose first plane has the mixed samples, and the index behind the newest one."""
        return self._planes, self._seen.end

    def follow(self, encoder: Any, tap: Tap, end: int) -> int:
        """Bring what a tap has up to a frame, the one that is heard, into a list of commands.

        What it no longer has, or was written over meanwhile, is left out. Returns the frames brought.
        """
        before = self._heard
        if before is None or not end - _MOST <= before <= end:
            before = max(0, end - min(self.spectra.size, _MOST))
        self._heard = end
        frames = min(end - before, tap.frames // 2)
        if frames <= 0:
            return 0
        window = tap.window(frames, end)
        rows = np.array([row[:frames] for row in window.rows[:2]], np.float32)
        if not window.is_intact:
            return 0
        self.feed(encoder, rows)
        return frames

    def feed(self, encoder: Any, rows: npt.NDArray[np.float32]) -> None:
        """Bring the next frames, into a list of commands to be submitted before more are brought.

        Parameters
        ----------
        encoder : wgpu.GPUCommandEncoder
            The list.
        rows : array, shape (channels, frames), float32
            At most 16384 frames.

        Raises
        ------
        UsageError
            For more, and for another shape.

        """
        rows = np.asarray(rows)
        if (
            rows.ndim != 2
            or not 1 <= rows.shape[0] <= _MOST_CHANNELS
            or rows.dtype.kind not in "fiu"
        ):
            raise UsageError(
                f"numbers of shape {rows.shape}, {rows.dtype}: give (channels, frames), float32"
            )
        frames = rows.shape[1]
        if frames > _MOST:
            raise UsageError(f"{frames} frames; at most {_MOST} at a time")
        if frames == 0:
            return
        rows = rows[:2]
        data = np.zeros(_HEADS // 4 + 4 + rows.size, np.uint32)
        came = data[_HEADS // 4 :]
        came[:3] = self._frames % _PLANE, frames, len(rows)
        samples = came[4:].view(np.float32)
        with np.errstate(over="ignore"):  # of float64
            samples.reshape(rows.shape)[:] = rows
        peak = max(float(samples.max()), -float(samples.min()))
        if not peak <= MOST_SAMPLE:
            np.nan_to_num(samples, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
            np.clip(samples, -MOST_SAMPLE, MOST_SAMPLE, out=samples)
            peak = float(np.abs(samples).max())
        self._follow_peak(peak, frames)
        self._frames += frames
        self._seen.end = self._frames % _PLANE + _PLANE  # the plane before it is in one piece
        first, windows = self._ended()
        if windows:
            for place, numbers in (
                (0, self.spectra.numbers(first, windows)),
                (_HEADS // 8, self._following.numbers(windows)),
            ):
                data[place : place + len(numbers) // 4] = np.frombuffer(numbers, np.uint32)
        self.card.device.queue.write_buffer(self._told, 0, data)  # in one call: calls are dear
        step = encoder.begin_compute_pass()
        self._take.run(step, self._taken, (-(-frames // 64), 1, 1))
        if windows:
            self._made.run(step, windows)
            self._following.run(step, self._followed)
        step.end()
        self._keep(encoder, windows)

    def _ended(self) -> tuple[int, int]:
        """Return where the first of the windows begins that have ended since, and how many there are."""
        spectra, hop = self.spectra, self.spectra.hop
        ended = (self._frames - self._made_until) // hop
        self._made_until += ended * hop
        rest = self._frames - self._made_until
        windows = min(ended, _WINDOWS, self._rows, 1 + (_PLANE - rest - spectra.size) // hop)
        if windows:
            self._seen.row = windows - 1
        return self._seen.end - rest - (windows - 1) * hop - spectra.size, windows

    def _keep(self, encoder: Any, windows: int) -> None:
        """Copy levels into the history, a ring."""
        seen, size = self._seen, 4 * self._seen.bands
        row = (seen.newest + 1) % self._rows
        until_end = min(windows, self._rows - row)
        for start, to, count in ((0, row, until_end), (until_end, 0, windows - until_end)):
            if count:
                encoder.copy_buffer_to_buffer(
                    self._now, start * size, self._history, to * size, count * size
                )
        seen.newest = (seen.newest + windows) % self._rows

    def _follow_peak(self, peak: float, frames: int) -> None:
        wanted = min(_MOST_GAIN, 1.0 / max(peak, 1e-9))
        risen = self.gain * _GAIN_RISE ** (frames / self.sample_rate)
        self.gain = min(wanted, risen)
