"""Pictures and films of files: every frame is that of its moment, however long it takes to draw.

A little over 300 lines, a third of them docstrings.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import soundfile

from zerocross.errors import MissingDependency, UsageError
from zerocross.files import check_ending, check_output, printable, written_aside
from zerocross.gpu.axes import labels, pillow
from zerocross.gpu.card import Card
from zerocross.gpu.live import MOST_SAMPLE
from zerocross.gpu.pictures import Canvas
from zerocross.gpu.scenes import MODES
from zerocross.gpu.spectra import BandSpectra, checked_size, most_bands
from zerocross.offline import render
from zerocross.units import checked_progress, checked_seconds, checked_whole
from zerocross.viz.show import SHADER, Show

if TYPE_CHECKING:
    from zerocross.files import PathLike
    from zerocross.sources.location import Playable

__all__ = ["FILMS", "record_film", "save_picture"]

#: By a film's ending: codecs of pictures and sound, what the first is told, and the sound's rate (None: its own).
FILMS: dict[str, tuple[str, str, dict[str, str], int | None]] = {
    ".mp4": ("libx264", "aac", {"preset": "veryfast", "crf": "20"}, None),
    ".webm": (
        "libvpx-vp9",
        "libopus",
        {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "crf": "30", "b": "0"},
        48_000,
    ),
}
#: Rates that AAC has; others are resampled to the nearest one.
_AAC_RATES = (
    8000,
    11_025,
    12_000,
    16_000,
    22_050,
    24_000,
    32_000,
    44_100,
    48_000,
    64_000,
    88_200,
    96_000,
)
_PIECE = 1024
#: A whole file's picture has at most so many windows; the hop grows with the file. And so many bands.
_MOST_WINDOWS, _BANDS = 1 << 14, 480
#: Frames that are drawn before a moment's picture, of scenes that see their last one.
_LED_TO = 180


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise MissingDependency("films need PyAV: pip install 'zerocross[formats]'") from None
    return av


def _nothing(_given: object) -> None:
    pass


@contextlib.contextmanager
def _rendered(
    inputs: Sequence[Playable],
    sample_rate: int | None,
    tell: Callable[[str], object],
    options: dict[str, Any],
) -> Iterator[soundfile.SoundFile]:
    """Yield what is heard of files, whole, in float32: it has been through effects and gains."""
    with tempfile.TemporaryDirectory(prefix="zerocross-") as folder:
        path = Path(folder) / "heard.wav"
        done = render(inputs, path, bits="float", channels=2, sample_rate=sample_rate, **options)
        for line in done.errors:
            tell(line)
        if done.frames == 0:
            raise UsageError(
                f"{printable(str(inputs[0]))}: there is nothing to be seen; give a longer file"
            )
        with soundfile.SoundFile(path) as file:
            yield file


def record_film(
    inputs: Sequence[Playable],
    output: PathLike,
    *,
    width: int = 1280,
    height: int = 720,
    fps: int = 60,
    card: Card | None = None,
    mode: str | None = None,
    shader: str | None = None,
    look: dict[str, Any] | None = None,
    progress: Callable[[float], None] | None = None,
    tell: Callable[[str], object] = _nothing,
    **options: Any,
) -> int:
    """Write a film of files: picture and sound, frame-exact, as fast as it can be drawn.

    Parameters
    ----------
    inputs : sequence of path-like
        Files and other sources, joined, as for `offline.render`.
    output : path-like
        Ends in ``.mp4`` (H.264 and AAC) or ``.webm`` (VP9 and Opus); written under another name first.
    width, height : int
        In pixels, 16 to 8192; even.
    fps : int
        Frames a second, 1 to 240.
    card : Card or None
        Where it is drawn; None for the best there is.
    mode, shader : str or None
        As for `Show`.
    look : dict or None
        Further parameters of `Show`.
    progress : callable or None
        Called with the share that is done, from 0 to 1.
    tell : callable
        Given lines for people: inputs that were skipped or damaged, and effects that failed.
    **options
        Of `offline.render`: ``effects``, ``volume``, ``start_s``, ``duration_s``, ``replaygain``, ``quality``.

    Returns
    -------
    int
        Frames of the film. Frame k shows what is heard until its middle, (k + 1/2) / fps seconds.

    Raises
    ------
    SourceError
        If no input can be played.
    UsageError
        For another ending, sizes that are not even, and what is out of range.
    MissingDependency
        Without PyAV.
    DeviceNotFound
        Without a card, and without software in place of one.

    """
    av, progress = _av(), checked_progress(progress) or _nothing
    ending = check_film(output, width, height)
    fps = checked_whole("fps", fps, 1, 240)
    check_output(output, [i for i in inputs if isinstance(i, (str, os.PathLike))])
    pictures, sound, how, rate = FILMS[ending]
    card = card or Card()
    with _rendered(inputs, rate, tell, options) as heard, written_aside(output) as part:
        if rate is None and heard.samplerate not in _AAC_RATES:
            rate = min(_AAC_RATES, key=lambda r: abs(r - heard.samplerate))
        show = Show(card, heard.samplerate, mode=mode, shader=shader, **(look or {}))
        canvas = Canvas(card, width, height)
        with av.open(str(part), "w", format=ending[1:]) as film:
            video = film.add_stream(pictures, rate=fps, options=how)
            video.width, video.height, video.pix_fmt = width, height, "yuv420p"
            video.time_base = video.codec_context.time_base = Fraction(1, fps)
            audio = film.add_stream(sound, rate=rate or heard.samplerate, layout="stereo")
            audio.bit_rate = 192_000
            count = -(-int(heard.frames) * fps // int(heard.samplerate))
            for k in range(count):
                until = round((k + 0.5) * heard.samplerate / fps)
                _draw(show, canvas, _rows_until(heard, until), k / fps, 1 / fps)
                picture = av.VideoFrame.from_ndarray(canvas.read(), format="rgba")
                picture.pts, picture.time_base = k, Fraction(1, fps)
                film.mux(video.encode(picture))
                progress(0.9 * (k + 1) / count)
            film.mux(video.encode())
            _write_sound(av, film, audio, heard)
            progress(1.0)
    return count


def _rows_until(heard: soundfile.SoundFile, end: int) -> npt.NDArray[np.float32]:
    """Read on until a frame, or the file's end; shape (channels, frames)."""
    rows: npt.NDArray[np.float32] = heard.read(end - heard.tell(), "float32", always_2d=True).T
    return rows


def _draw(
    show: Show, canvas: Canvas, rows: npt.NDArray[np.float32], time_s: float, delta_s: float
) -> None:
    for start in range(0, rows.shape[1], 8192):
        with show.card.commands() as encoder:
            show.feed(encoder, rows[:, start : start + 8192])
    with show.card.commands() as encoder:
        show.draw(encoder, canvas.view, (canvas.width, canvas.height), time_s, delta_s)


def _write_sound(av: Any, film: Any, audio: Any, heard: soundfile.SoundFile) -> None:
    heard.seek(0)
    resampler = av.AudioResampler(
        format=audio.codec_context.format, layout="stereo", rate=audio.codec_context.sample_rate
    )
    at = 0
    while len(piece := heard.read(_PIECE, "float32", always_2d=True)):
        rows = np.clip(np.ascontiguousarray(piece.T), -MOST_SAMPLE, MOST_SAMPLE)
        frame = av.AudioFrame.from_ndarray(rows, "fltp", "stereo")
        frame.sample_rate, frame.pts = heard.samplerate, at
        frame.time_base = Fraction(1, heard.samplerate)
        at += len(piece)
        for each in resampler.resample(frame):
            film.mux(audio.encode(each))
    for each in resampler.resample(None):
        film.mux(audio.encode(each))
    film.mux(audio.encode())


def check_film(output: PathLike, width: int, height: int) -> str:
    """Return the ending of a film's name; UsageError for one, or a size, that cannot be."""
    ending = check_ending(output, [*FILMS])
    for name, value in (("width", width), ("height", height)):
        if checked_whole(name, value, 16, 8192, "pixels") % 2:
            raise UsageError(f"{name}={value}: films have even sizes; give {value + 1}")
    return ending


def save_picture(
    inputs: Sequence[Playable],
    output: PathLike,
    *,
    at_s: float | None = None,
    width: int = 1280,
    height: int = 720,
    card: Card | None = None,
    mode: str | None = None,
    shader: str | None = None,
    look: dict[str, Any] | None = None,
    tell: Callable[[str], object] = _nothing,
    **options: Any,
) -> None:
    """Write a picture of files as PNG.

    Parameters
    ----------
    inputs : sequence of path-like
        Files and other sources, joined.
    output : path-like
        Ends in ``.png``; written under another name first.
    at_s : float or None
        The moment, in seconds of what is heard. None for a spectrogram of the whole, and of other modes for the middle.
    width, height : int
        In pixels, 1 to 8192.
    card, mode, shader, look, tell, **options
        As for `record_film`.

    Raises
    ------
    SourceError
        If no input can be played.
    UsageError
        For another ending, and for a moment after the end.
    MissingDependency
        Without Pillow.

    """
    image = pillow().Image
    check_ending(output, [".png"])
    check_output(output, [i for i in inputs if isinstance(i, (str, os.PathLike))])
    card = card or Card()
    look = look or {}
    with _rendered(inputs, None, tell, options) as heard, written_aside(output) as part:
        canvas = Canvas(card, width, height)
        length = heard.frames / heard.samplerate
        if at_s is None and mode == "spectrogram":
            _draw_whole(card, canvas, heard, look)
        else:
            at = length / 2 if at_s is None else checked_seconds("at_s", at_s)
            if at > length:
                raise UsageError(f"at_s={at:g}: it has {length:.2f} s; give less")
            show = Show(card, heard.samplerate, mode=mode, shader=shader, **look)
            _play_until(show, canvas, heard, at)
        image.fromarray(canvas.read()).convert("RGB").save(part, format="PNG")


def _play_until(show: Show, canvas: Canvas, heard: soundfile.SoundFile, at: float) -> None:
    """Bring the last seconds before a moment; scenes that see their last frame draw some of it."""
    rate, end = heard.samplerate, round(at * heard.samplerate)
    is_led_to = show.mode == SHADER or MODES[show.mode].is_fed_back
    before = max(0, end - round((show.seconds + 1.0) * rate))
    heard.seek(before)
    for k in reversed(range(_LED_TO if is_led_to else 1)):
        until = max(before, end - round(k * rate / 60))
        _draw(show, canvas, _rows_until(heard, until), until / rate, 1 / 60)


def _draw_whole(
    card: Card, canvas: Canvas, heard: soundfile.SoundFile, look: dict[str, Any]
) -> None:
    """Draw the spectrogram of a whole file: a window's middle is that of its piece of the picture."""
    rate, size = heard.samplerate, checked_size(look.get("fft_size", 4096))
    mono = heard.read(dtype="float32", always_2d=True).mean(axis=1)
    np.clip(mono, -MOST_SAMPLE, MOST_SAMPLE, out=mono)
    hop = max(size // 16, -(-mono.size // _MOST_WINDOWS))
    windows, before = -(-mono.size // hop), (size - hop) // 2
    samples = np.zeros((windows - 1) * hop + size, np.float32)
    mono = mono[max(0, -before) :][: samples.size - max(0, before)]
    samples[max(0, before) :][: mono.size] = mono
    spectra = BandSpectra(
        card,
        rate,
        most_bands(_BANDS, size),
        look.get("scale", "logarithmic"),
        fft_size=size,
        hop=hop,
    )
    canvas.painter.low_db = look.get("low_db", -80.0)
    canvas.painter.high_db = look.get("high_db", -10.0)
    if look.get("has_labels", True):
        canvas.painter.label(
            labels(
                "spectrogram",
                canvas.width,
                canvas.height,
                spectra.bands,
                canvas.painter.low_db,
                canvas.painter.high_db,
                windows * hop / rate,
                0.0,
            )
        )
    canvas.draw("spectrogram", spectra.of(samples))
