"""Control from outside: a local socket for ``zerocross ctl``, and MPRIS for media keys."""

from zerocross.remote.remote import Remote

__all__ = ["Remote"]
