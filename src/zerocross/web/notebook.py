"""A player for notebooks: a signal through a chain, heard where the notebook is shown."""

from __future__ import annotations

import functools
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from zerocross.errors import MissingDependency, UsageError
from zerocross.files import PathLike, printable
from zerocross.graph.chain import Chain
from zerocross.graph.signal import checked_signal
from zerocross.sources.array import scaled
from zerocross.sources.opening import read_audio
from zerocross.units import checked_number, checked_whole, shown
from zerocross.web.image import header_of
from zerocross.web.module import web_chain

try:
    import anywidget
    import traitlets
except ImportError:
    raise MissingDependency(
        "a player in a notebook needs anywidget: pip install 'zerocross[notebook]'"
    ) from None

__all__ = ["Player"]

#: Longer ones would make a notebook that no browser opens.
_MOST_S = 600
_CHANNELS = 2
_TARGET = "wasm-simd"
_BANDS = 64
#: FLAC has no other rates, and no samples beyond full scale.
_MOST_FLAC_HZ = 655_350
_FULL = 2.0**23

_PAGE = Path(__file__).parent / "page"
_HERE = Path(__file__).parent / "notebook"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function |class |const )", re.MULTILINE)

_Frames = np.ndarray[Any, np.dtype[np.float32]]


class Player(anywidget.AnyWidget):  # type: ignore[misc]
    """Plays a signal through a chain in a notebook: Jupyter, or what else shows anywidgets.

    It is shown where a cell ends with it: a button, a position, a slider for each parameter, a spectrum
    of what is heard. A notebook saved with its widgets' state plays without a kernel, by WebAssembly
    that was compiled when this was made.

    Parameters
    ----------
    signal : ndarray, shape (frames,) or (frames, 2), or path-like
        Finite floats, or integers, which are scaled by their full scale; or an audio file. At most
        10 minutes. It travels with the notebook as FLAC of 24 bits, which the browser decodes
        (integers of 16 and 24 bits without loss); samples beyond full scale as float32.
    sample_rate : int
        Of an array, 8000 to 768000 Hz; a file has its own.
    chain : Chain, Processor, list of them, or None
        All proven first, as for playing; one that does not play. None for the signal as it is.
    title : str
        Shown above it; if it is empty, a file's name.

    Attributes
    ----------
    position : float
        In seconds; told by the page four times a second, and can be set.
    playing : bool
        Can be set: it plays where the browser allows, which is after a first click on the page.
    values : dict of str to float
        Parameters as they are on the page, by the processor's number and the name: ``"0.depth"``.
    duration_s : float
        Of the signal.

    Raises
    ------
    UsageError
        For a signal or a chain that cannot be played.
    SourceError
        If a file cannot be read, or is too long.
    RealtimeError
        If a processor is refused.
    TargetError
        If there is no linker for WebAssembly: the extra ``[web]``.
    MissingDependency
        When it is imported, without the extra ``[notebook]``.

    """

    _esm = traitlets.Unicode().tag(sync=True)
    _code = traitlets.Bytes().tag(sync=True)
    _image = traitlets.Bytes().tag(sync=True)
    _audio = traitlets.Bytes().tag(sync=True)
    _form = traitlets.Unicode().tag(sync=True)
    _shape = traitlets.Tuple(traitlets.Int(), traitlets.Int()).tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)
    # Of one page each: what another page of the same notebook plays is its own.
    position = traitlets.Float().tag(sync=True, echo_update=False)
    playing = traitlets.Bool().tag(sync=True, echo_update=False)
    values = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        signal: Any,
        sample_rate: int = 48_000,
        chain: Any = None,
        title: str = "",
    ) -> None:
        samples, rate = _taken(signal, sample_rate)
        made = web_chain(Chain() if chain is None else chain, rate, _CHANNELS, (_TARGET,), _BANDS)
        self._ranges = {
            f"{number}.{each['name']}": each
            for number, part in enumerate(header_of(made.image)["parts"])
            for each in part["params"]
        }
        self.duration_s = len(samples) / rate
        form, audio = _encoded(samples, rate)
        super().__init__(
            _esm=_esm(),
            _code=made.modules[_TARGET],
            _image=made.image,
            _audio=audio,
            _form=form,
            _shape=samples.shape,
            title=title or _name_of(signal),
            values={name: each["value"] for name, each in self._ranges.items()},
        )

    def set(self, name: str, value: float) -> None:
        """Move a slider.

        Parameters
        ----------
        name : str
            The processor's number in the chain, a point, and the parameter's name: ``"0.depth"``.
        value : float
            In its range.

        Raises
        ------
        UsageError
            For another name, or a value out of range.

        """
        self.values = {**self.values, name: value}

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return what is saved: all of it, for a page without Python knows no defaults."""
        del drop_defaults
        state: dict[str, Any] = super().get_state(key)
        return state

    @traitlets.validate("values")  # type: ignore[untyped-decorator]
    def _check_values(self, proposal: Any) -> dict[str, float]:
        given = dict(proposal["value"])
        for name, value in given.items():
            each = self._ranges.get(name)
            if each is None:
                known = ", ".join(self._ranges) or "none: the chain has no parameters"
                raise UsageError(f"no parameter {shown(name)}; there are {known}")
            given[name] = checked_number(name, value, each["low"], each["high"])
        return {**{name: each["value"] for name, each in self._ranges.items()}, **given}

    @traitlets.validate("position")  # type: ignore[untyped-decorator]
    def _check_position(self, proposal: Any) -> float:
        return checked_number("position", proposal["value"], 0.0, self.duration_s)


def _is_path(signal: Any) -> bool:
    return isinstance(signal, (str, os.PathLike))


def _name_of(signal: Any) -> str:
    """Return a file's name; nothing for an array."""
    return printable(os.path.basename(signal)) if _is_path(signal) else ""


def _taken(signal: PathLike | np.ndarray[Any, Any], sample_rate: int) -> tuple[_Frames, int]:
    """Return a signal's samples, shape (frames, 1 or 2), and its rate."""
    if _is_path(signal):
        rows, rate = read_audio(signal, _MOST_S)  # type: ignore[arg-type]
        signal = rows.T
    else:
        rate = checked_whole("sample_rate", sample_rate, 8_000, 768_000, "Hz")
        _check_length(signal, rate)
    if isinstance(signal, np.ndarray) and not isinstance(signal, np.ma.MaskedArray):
        signal = scaled(signal) if signal.dtype.kind in "iu" else signal
    samples, _ = checked_signal(signal, rate)
    samples = samples[:, np.newaxis] if samples.ndim == 1 else samples
    frames, channels = samples.shape
    if not frames:
        raise UsageError("the signal is empty; give one frame or more")
    if channels > _CHANNELS:
        raise UsageError(
            f"the signal has {channels} channels; give one or two, such as signal[:, :2], or mix "
            "them: zerocross.render(..., channels=2)"
        )
    return samples, rate


def _check_length(signal: Any, rate: int) -> None:
    """Refuse what is too long before it is copied."""
    frames = np.shape(signal)[0] if np.ndim(signal) else 0
    if frames > _MOST_S * rate:
        raise UsageError(
            f"{frames / rate:.0f} s: a notebook has to hold all of it; give up to {_MOST_S} s, such as "
            f"signal[:{_MOST_S * rate}], or play it here: zerocross.Player"
        )


def _encoded(samples: _Frames, rate: int) -> tuple[str, bytes]:
    """Return the name of a format and a signal in it; Chromium's decoder changes FLAC of 16 bits."""
    if np.abs(samples).max() <= 1.0 and rate <= _MOST_FLAC_HZ:
        whole = np.minimum(np.rint(samples * np.float64(_FULL)), _FULL - 1.0)
        file = io.BytesIO()
        try:
            soundfile.write(file, whole.astype(np.int32) << 8, rate, "PCM_24", format="FLAC")
        except soundfile.LibsndfileError:  # a rate that FLAC has no number for
            pass
        else:
            return "flac", file.getvalue()
    return "float32", np.ascontiguousarray(samples.T).tobytes()


@functools.cache
def _esm() -> str:
    """Return the widget's module: the page's own modules and the player's, as one."""
    worklet = _joined("chain.js", "worklet.js")
    given = {"WORKLET": worklet, "STYLE": (_HERE / "player.css").read_text("utf-8")}
    texts = [f"const {name} = {json.dumps(text)};\n" for name, text in given.items()]
    player = (_HERE / "player.js").read_text("utf-8")
    return "".join(
        [*texts, _joined("chain.js", "controls.js", "engine.js"), _IMPORT.sub("", player)]
    )


def _joined(*names: str) -> str:
    """Return modules of the page as one: without what they import from each other and export."""
    texts = [(_PAGE / name).read_text("utf-8") for name in names]
    return "".join(_EXPORT.sub("", _IMPORT.sub("", text)) for text in texts)
