"""Objects whose attributes are those that their class and its ``__init__`` give them.

Python makes an attribute of any name that is set: ``player.volum = 0.5`` would be taken and never
heard.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from zerocross.errors import UsageError

__all__ = ["FixedAttributes", "FixesAttributes", "near_name"]


def near_name(name: str, known: Iterable[str]) -> str:
    """Return what an error adds about an unknown name: the nearest known one, else all of them."""
    import difflib  # only where something is wrong

    public = sorted({each for each in known if not each.startswith("_")})
    near = difflib.get_close_matches(name, public, 1)
    return f"did you mean {near[0]}?" if near else f"it has {', '.join(public) or 'none'}"


class FixesAttributes(type):
    """The class of classes whose objects keep the attributes that ``__init__`` left them with."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        """Make an object, and let it have no other attributes from here on."""
        made = super().__call__(*args, **options)
        made.__dict__["_attributes_are_fixed"] = True
        return made


class FixedAttributes(metaclass=FixesAttributes):
    """Base of objects to which no attributes can be added once they are made.

    Names that begin with an underscore are the class's own affair.

    Raises
    ------
    UsageError
        When another name is set; names the nearest that there is.

    """

    def __setattr__(self, name: str, value: Any) -> None:
        there = getattr(type(self), name, None)
        is_read_only = isinstance(there, property) and there.fset is None
        if not name.startswith("_") and (is_read_only or inspect.isfunction(there)):
            hint = "it is a method: call it" if inspect.isfunction(there) else "it can be read only"
            raise UsageError(f"{type(self).__name__}.{name} cannot be set; {hint}")
        if not (name.startswith("_") or self._has_attribute(name)):
            known = near_name(name, [*self.__dict__, *self._settable()])
            raise UsageError(f"{type(self).__name__} has no {name!r} to be set; {known}")
        super().__setattr__(name, value)

    def _has_attribute(self, name: str) -> bool:
        return (
            "_attributes_are_fixed" not in self.__dict__
            or name in self.__dict__
            or hasattr(type(self), name)
        )

    def _settable(self) -> Iterable[str]:
        """Yield the names of the class's properties that can be set."""
        for owner in type(self).__mro__:
            for name, value in vars(owner).items():
                if isinstance(value, property) and value.fset is not None:
                    yield name
