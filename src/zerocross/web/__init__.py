"""The browser: chains as WebAssembly modules on memory that Python prepared, and a page that plays through one."""

from zerocross.web.export import export
from zerocross.web.image import Image
from zerocross.web.module import WebChain, web_chain
from zerocross.web.serve import PageServer

__all__ = ["Image", "PageServer", "WebChain", "export", "web_chain"]
