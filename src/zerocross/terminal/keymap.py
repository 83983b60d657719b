"""The names of what keys do, the keys by default, and the user's own.

The keys are those that users of mpv and cmus know, arrows and vi's. A user's configuration gives an
action other keys, in its table ``[keys]``.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping

__all__ = ["ACTIONS", "SCOPES", "Action", "keys_of", "read_keys"]


@dataclasses.dataclass(frozen=True)
class Action:
    """Something that keys do.

    Attributes
    ----------
    name : str
        By which a configuration means it.
    keys : str
        Those by default, with blanks between them.
    words : str
        What it does, for people.
    scope : str
        Where its keys hold: one of `SCOPES`.

    """

    name: str
    keys: str
    words: str
    scope: str = "everywhere"


#: Where keys hold, in the order in which they are listed.
SCOPES = ("everywhere", "playing", "lists", "queue", "files", "visual", "equalizer", "effects")

ACTIONS = (
    Action("pause", "space c", "pause, go on, or play"),
    Action("stop", "v", "stop"),
    Action("next", "n b >", "next track"),
    Action("previous", "p z <", "the track's start, or the track before"),
    Action("forward", "right l", "5 seconds on"),
    Action("back", "left h", "5 seconds back"),
    Action("forward-minute", ". shift+right", "a minute on"),
    Action("back-minute", ", shift+left", "a minute back"),
    Action("louder", "+ = 0", "volume: louder by 5 %"),
    Action("softer", "- 9", "volume: softer by 5 %"),
    Action("mute", "m", "mute, or no longer"),
    Action("ab-loop", "L", "set A, then B, then no loop between them"),
    Action("repeat", "r", "repeat nothing, the track, the queue"),
    Action("shuffle", "s", "shuffle the queue, or back to its order"),
    Action("replaygain", "t", "ReplayGain of the track, of the album, none"),
    Action("view-1", "1 f1", "what plays"),
    Action("view-2", "2 f2", "the queue"),
    Action("view-3", "3 f3", "files"),
    Action("view-4", "4 f4", "the visualiser"),
    Action("view-5", "5 f5", "the equaliser"),
    Action("view-6", "6 f6", "the effects"),
    Action("view-7", "7 f7", "the engine"),
    Action("next-view", "tab", "the view after this one"),
    Action("previous-view", "shift+tab", "the view before this one"),
    Action("theme", "ctrl+t", "the next theme"),
    Action("palette", ": ctrl+p", "all commands, by typing a part of their names"),
    Action("keys", "?", "this list"),
    Action("notes", "N", "what was told so far"),
    Action("suspend", "ctrl+z", "leave the screen to the shell; fg comes back"),
    Action("quit", "q ctrl+c", "quit"),
    Action("up-louder", "up k", "louder", "playing"),
    Action("down-softer", "down j", "softer", "playing"),
    Action("up", "up k", "a row up", "lists"),
    Action("down", "down j", "a row down", "lists"),
    Action("page-up", "pageup ctrl+u", "a page up", "lists"),
    Action("page-down", "pagedown ctrl+d", "a page down", "lists"),
    Action("top", "home g", "the first row", "lists"),
    Action("bottom", "end G", "the last row", "lists"),
    Action("take", "enter", "play it; open or close a folder", "lists"),
    Action("search", "/", "search as you type; escape ends it", "lists"),
    Action("leave", "escape", "end a search", "lists"),
    Action("remove", "delete d", "take the track out", "queue"),
    Action("move-up", "K shift+up", "move the track up", "queue"),
    Action("move-down", "J shift+down", "move the track down", "queue"),
    Action("insert", "i", "add a file, folder, playlist or address before the track", "queue"),
    Action("append", "a", "add one at the end", "queue"),
    Action("current", "o", "go to the row of what plays", "queue"),
    Action("clear", "C", "take all tracks out", "queue"),
    Action("save", "w", "save the queue as a playlist", "queue"),
    Action("load", "e", "load a playlist as the queue", "queue"),
    Action("append-file", "a", "add it at the queue's end", "files"),
    Action("play-next", "i", "add it after what plays", "files"),
    Action("open", "right", "open the folder", "files"),
    Action("close", "left", "close the folder, or go to the one it is in", "files"),
    Action("root-up", "backspace u", "show the folder around all this", "files"),
    Action("root-here", "e", "show nothing but this folder", "files"),
    Action("mode", "x", "the next mode", "visual"),
    Action("mode-back", "X", "the mode before", "visual"),
    Action("scale", "f", "the next scale of frequencies", "visual"),
    Action("smoother", "]", "smoother", "visual"),
    Action("rougher", "[", "less smooth", "visual"),
    Action("peaks", "k", "show peaks, or not", "visual"),
    Action("fall-faster", "}", "bars fall faster", "visual"),
    Action("fall-slower", "{", "bars fall slower", "visual"),
    Action("more-range", ")", "more dB from bottom to top", "visual"),
    Action("less-range", "(", "fewer dB from bottom to top", "visual"),
    Action("wider", "y", "wider bars", "visual"),
    Action("narrower", "Y", "narrower bars", "visual"),
    Action("full", "w enter", "the whole terminal, or not", "visual"),
    Action("gain-up", "up k", "half a dB more", "equalizer"),
    Action("gain-down", "down j", "half a dB less", "equalizer"),
    Action("hz-up", "right l", "half a semitone higher", "equalizer"),
    Action("hz-down", "left h", "half a semitone lower", "equalizer"),
    Action("gain-up-fine", "shift+up K", "a tenth of a dB more", "equalizer"),
    Action("gain-down-fine", "shift+down J", "a tenth of a dB less", "equalizer"),
    Action("hz-up-fine", "shift+right", "5 cents higher", "equalizer"),
    Action("hz-down-fine", "shift+left", "5 cents lower", "equalizer"),
    Action("narrower-band", "]", "narrower: more Q", "equalizer"),
    Action("wider-band", "[", "wider: less Q", "equalizer"),
    Action("next-band", "w pagedown", "the next band", "equalizer"),
    Action("previous-band", "W pageup", "the band before", "equalizer"),
    Action("kind", "f", "the next kind of filter", "equalizer"),
    Action("kind-back", "F", "the kind before", "equalizer"),
    Action("add-band", "a insert", "add a band", "equalizer"),
    Action("remove-band", "d delete", "remove the band", "equalizer"),
    Action("side", "x", "A or B", "equalizer"),
    Action("bypass", "o", "bypass, or not", "equalizer"),
    Action("equal-loudness", "e", "B and bypass as loud as A, or not", "equalizer"),
    Action("preamp-up", ")", "half a dB more before the bands", "equalizer"),
    Action("preamp-down", "(", "half a dB less before the bands", "equalizer"),
    Action("preamp-auto", "u", "as much before the bands as keeps below 0 dB", "equalizer"),
    Action("load-preset", "i ctrl+o", "load a preset", "equalizer"),
    Action("save-preset", "S ctrl+s", "save as a preset of your own", "equalizer"),
    Action("flat", "C", "no bands", "equalizer"),
    Action("light-off", "R", "put the headroom light out", "equalizer"),
    Action("value-up", "right l", "more", "effects"),
    Action("value-down", "left h", "less", "effects"),
    Action("value-up-fine", "shift+right", "a little more", "effects"),
    Action("value-down-fine", "shift+left", "a little less", "effects"),
    Action("default", "backspace", "the value it has by default", "effects"),
    Action("add-effect", "a", "add an effect, a file, an impulse response", "effects"),
    Action("remove-effect", "d delete", "remove the effect", "effects"),
    Action("effect-up", "K shift+up", "move the effect up", "effects"),
    Action("effect-down", "J shift+down", "move the effect down", "effects"),
    Action("effect-on", "o", "bypass the effect, or not", "effects"),
    Action("try-again", "R", "let what failed run again", "effects"),
)

_BY_NAME = {action.name: action for action in ACTIONS}
#: What people call keys that Textual calls otherwise.
_SPELLINGS = {
    "esc": "escape",
    "return": "enter",
    "del": "delete",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pagedn": "pagedown",
    "bs": "backspace",
    "comma": ",",
    "plus": "+",
    "minus": "-",
}


def keys_of(action: Action, own: Mapping[str, str]) -> list[str]:
    """Return the keys of an action: the user's, else those by default."""
    return own.get(action.name, action.keys).split()


def read_keys(table: Mapping[str, object], name: str) -> tuple[dict[str, str], list[str]]:
    """Read the table ``[keys]`` of a configuration.

    Parameters
    ----------
    table : mapping
        Names of actions, and keys with blanks between them; empty for none.
    name : str
        Of the file, for what is told of it.

    Returns
    -------
    keys : dict
        The user's, by the names of actions.
    notices : list of str
        A line for each thing that is wrong.

    """
    own: dict[str, str] = {}
    notices = []
    for action, keys in table.items():
        if action not in _BY_NAME:
            near = difflib.get_close_matches(action, _BY_NAME, 1)
            hint = f"did you mean {near[0]}?" if near else "docs/screen.md lists those there are"
            notices.append(f"{name}: no action '{action}' for keys; {hint}")
        elif not isinstance(keys, str):
            notices.append(f"{name}: keys of {action}: give text, such as 'n ctrl+n'")
        else:
            own[action] = " ".join(map(_spelled, keys.split()))
    return own, [*notices, *_twice(own, name)]


def _spelled(key: str) -> str:
    if len(key) == 1:
        return key
    *held, last = key.lower().split("+")
    return "+".join([*held, _SPELLINGS.get(last, last)])


def _twice(own: Mapping[str, str], name: str) -> Iterable[str]:
    """Yield a line for each key that two actions of one scope have."""
    taken: dict[tuple[str, str], str] = {}
    for action in sorted(ACTIONS, key=lambda each: each.name not in own):
        for key in keys_of(action, own):
            first = taken.setdefault((action.scope, key), action.name)
            if first != action.name and first in own:
                yield f"{name}: {key} is of {first} now, no longer of {action.name}"
