"""The browser: chains as WebAssembly modules, and the memory that they begin with."""

from zerocross.web.image import Image
from zerocross.web.module import WebChain, web_chain

__all__ = ["Image", "WebChain", "web_chain"]
