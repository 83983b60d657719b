"""What Numba compiles for calls from Python, kept in our cache. Imported by the front end alone."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from numba.core import caching, serialize, sigutils, types
from numba.core.compiler import CompileResult

from zerocross.compiler import cache
from zerocross.compiler.content import content_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HostCache"]


class HostCache(caching._Cache):
    """Keeps what Numba compiles for calls from Python in our cache, by content and arguments.

    Numba's own key looks at one source file only, and it unpickles whatever its files hold.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._asked: dict[Any, str | None] = {}

    @property
    def cache_path(self) -> str:
        return str(cache.directory())

    def enable(self) -> None:
        """Do nothing: it is always enabled."""

    disable = flush = enable

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        key = self._asked[sig] = self._key(sig, target_context.codegen())
        stored = cache.load(key)
        if stored is None:
            return None
        try:
            return CompileResult._rebuild(target_context, *pickle.loads(stored.code))  # noqa: S301
        except Exception:  # noqa: BLE001  such as a class that has moved: compile again
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        key = self._key(sig, data.codegen)
        by_address = data.lifted or data.library.has_dynamic_globals
        if key is None or by_address or key != self._asked.get(sig):
            return
        try:
            code = serialize.dumps(data._reduce())
        except Exception:  # noqa: BLE001  what cannot be pickled is compiled again
            return
        cache.store(key, {}, code)

    def _key(self, sig: Any, codegen: Any) -> str | None:
        arguments = [_content_of_type(kind) for kind in sigutils.normalize_signature(sig)[0]]
        if any(content is None for content in arguments):
            return None
        function = self._function
        place = f"{function.__module__}.{function.__qualname__}"
        return cache.content_key(
            function, "host", place, repr(codegen.magic_tuple()), *map(str, arguments)
        )


def _content_of_type(kind: Any) -> str | None:
    """Return all that an argument's type says, or None if its name does not say it."""
    if isinstance(kind, types.BaseTuple):
        parts = [_content_of_type(item) for item in kind]
        if isinstance(kind, types.BaseNamedTuple):
            of_class = content_of(kind.instance_class)
            parts.append(None if of_class.opaque else of_class.digest.hex())
        return None if None in parts else f"{kind} of {parts}"
    if isinstance(kind, types.Array | types.NestedArray) and _content_of_type(kind.dtype) is None:
        return None
    return str(kind) if isinstance(kind, _TOLD_BY_NAME) else None


_TOLD_BY_NAME = (
    types.Number,
    types.Boolean,
    types.NoneType,
    types.Omitted,
    types.Literal,
    types.Record,
    types.Array,
)
