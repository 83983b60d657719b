"""The full screen at the command line: the player opens on a thread while the screen is imported."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from zerocross.cli import interrupt
from zerocross.cli.configured import is_given, notices_so_far
from zerocross.cli.memory import Memory
from zerocross.cli.options import effects_of, noticed_if_configured, player_of
from zerocross.cli.printing import say
from zerocross.cli.warmup import compilation_told_to, warm_up_screen
from zerocross.errors import SourceError, UsageError, ZerocrossError
from zerocross.files import printable
from zerocross.player import Player
from zerocross.settings.config import config_path, read_config
from zerocross.sources.playlists import expand
from zerocross.terminal.keymap import read_keys
from zerocross.terminal.session import Session
from zerocross.units import format_time

if TYPE_CHECKING:
    from zerocross.graph.hot_reload import UserParts
    from zerocross.remote import Remote

__all__ = ["compiling_told", "own_keys", "show_screen", "show_session", "stderr_told"]


#: How long media keys wait for the screen, which comes first.
_SCREEN_FIRST_S = 5.0
#: What is told of compiling, and after how long without any it is told again.
_COMPILING, _PAUSE_S = (
    "getting this ready for your machine: a few seconds, the first time only",
    30.0,
)


def show_screen(paths: Sequence[str], options: dict[str, Any]) -> int:
    """Show the full screen until it is left; returns the exit code."""
    warm_up_screen()
    user = _user_parts(options["effects"])
    effects, equalizer = effects_of(options["eq"], user.chain if user else None)
    with Memory() as memory, player_of(options, effects) as player:
        opening = _Opening(player, paths, options, memory, equalizer, user)
        try:
            with stderr_told(opening.session.tell), compiling_told(opening.session.tell):
                code = opening.show()
        finally:
            opening.end()
        counted = player.report()
        if counted["callbacks"]:
            underruns = counted["underruns"]
            say(
                f"played {format_time(counted['seconds'])}, {underruns} "
                f"underrun{'s'[: underruns != 1]}, {counted['late_callbacks']} of "
                f"{counted['callbacks']} callbacks late"
            )
    return code


def _user_parts(path: str | None) -> UserParts | None:
    """Return what a file defines, which is taken anew at every save; None for no file."""
    if path is None:
        return None
    from zerocross.graph.hot_reload import UserParts

    with noticed_if_configured("effects"):
        return UserParts(path)
    return None


class _Opening:
    """A player that opens on a thread, while the screen is imported on the main one."""

    def __init__(
        self,
        player: Player,
        paths: Sequence[str],
        options: dict[str, Any],
        memory: Memory,
        equalizer: Any,
        user: UserParts | None,
    ) -> None:
        self._player, self._paths, self._memory = player, paths, memory
        self._options = {"start_s": 0.0, "duration_s": None, **options}
        self._keeps = {name for name in ("volume", "loop") if is_given(name)}
        self._remote: Remote | None = None
        self._is_over = False
        self._lock = threading.Lock()
        keys, notices = own_keys()
        self.session = Session(
            player,
            view=options["view"] or "playing",
            theme=options["theme"],
            fps=float(options["fps"]),
            keys=keys,
            folder=_first_folder(),
            equalizer=equalizer,
            user=user,
            look=lambda: memory.remember(player),
        )
        for line in [*notices_so_far(), *(f"notice: {notice}" for notice in notices)]:
            self.session.tell(line)

    def show(self) -> int:
        """Show the screen until it is left."""
        has_queue = bool(self._paths) or self._restore()
        if not has_queue and not self._options["view"]:
            self.session.view = "files"
        threading.Thread(target=self._open, name="zerocross opening", daemon=True).start()
        return show_session(self.session)

    def _restore(self) -> bool:
        """Have the queue that is remembered; returns whether there is one. It waits for a key."""
        try:
            entries = self._memory.last_queue()
        except UsageError:
            return False
        self.session.resume_at_s = self._memory.restore(
            self._player, entries, self._options, self._keeps
        )
        return True

    def _open(self) -> None:
        """Play, then listen to who controls it from outside; on a thread."""
        try:
            if self._paths:
                self._play()
        except ZerocrossError as error:
            if not isinstance(error, SourceError):  # that is told as an event
                self.session.tell(f"error: {error}")
        self.session.is_shown.wait(_SCREEN_FIRST_S)
        try:
            self._listen()
        except ZerocrossError as error:
            self.session.tell(f"error: {error}")

    def _play(self) -> None:
        entries, problems = expand(self._paths)
        for problem in problems:
            self.session.tell(f"error: {problem}")
        if entries:
            self._memory.play(self._player, entries, self._options)

    def _listen(self) -> None:
        from zerocross.remote import Remote

        with self._lock:
            if not self._is_over:
                self._remote = Remote(
                    self._player,
                    self._options["mpris"],
                    lambda: self._memory.remember(self._player),
                    self._quit,
                    self.session.equalizer,
                )
                if self._remote.problem:
                    self.session.tell(f"notice: {self._remote.problem}")

    def _quit(self) -> None:
        self.session.quit()

    def end(self) -> None:
        """Remember where it was, and stop."""
        with self._lock:
            self._is_over = True
        self._memory.remember(self._player)
        self._player.stop()
        if self._remote:
            self._remote.close()


def show_session(session: Session) -> int:
    """Show a session's screen until it is left, also by a signal; returns the exit code."""
    from zerocross.terminal.app import ScreenApp, run_screen

    @contextlib.contextmanager
    def prepared(app: ScreenApp) -> Iterator[None]:
        undo = interrupt.at_forced_end(app.restore)
        try:
            with interrupt.handed_to(app.end):
                yield
        finally:
            undo()

    code = run_screen(session, prepared=prepared)
    return interrupt.exit_code() or code


def own_keys() -> tuple[dict[str, str], list[str]]:
    """Return the keys of the user's configuration, and what is wrong with them."""
    path = config_path()
    found, _ = read_config(path, (), ("keys",))
    return read_keys(found.get("keys", {}), printable(str(path)))


def _first_folder() -> str:
    """Return what the files view begins with: where we are, or at home the music."""
    here = os.getcwd()
    if here != os.path.expanduser("~"):
        return here
    import platformdirs

    music = platformdirs.user_music_dir()
    return music if os.path.isdir(music) else here


@contextlib.contextmanager
def compiling_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Have it told that something is compiled, once for all that is compiled without a pause.

    The names of entries, which commands without a screen tell, are no words for who listens to music.
    """
    last_s = -_PAUSE_S

    def told(name: str) -> None:
        nonlocal last_s
        del name
        now_s = time.monotonic()
        if now_s - last_s >= _PAUSE_S:
            tell(_COMPILING)
        last_s = now_s

    with compilation_told_to(told):
        yield


@contextlib.contextmanager
def stderr_told(tell: Callable[[str], None]) -> Iterator[None]:
    """Have what libraries write to standard error told, where it would fall into the picture."""
    if not sys.stderr.isatty():
        yield
        return
    reader, writer = os.pipe()
    kept = os.dup(2)
    os.dup2(writer, 2)
    os.close(writer)

    def listen() -> None:
        heading = "compiling"  # that was told before the screen was there
        with open(reader, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("  "):  # alone nobody would know what it is about
                    tell(f"{heading}: {line.strip()}")
                else:
                    heading = line.strip()
                    tell(heading)

    threading.Thread(target=listen, name="zerocross stderr", daemon=True).start()
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
