"""What is asked of the machine, and granted or not: pages, locking, NUMA, affinity, priority.

Each topic has its file; each answer is a `Grant`, read back, and nothing here fails. How a file
serves several systems is told in `grant`: its answers are `_on_linux`, `_on_windows` and
`_on_macos`, over the raw calls in `linux`, `windows` and `macos`.
"""

from zerocross.system.affinity import pin
from zerocross.system.grant import Grant
from zerocross.system.numa import Node, topology

__all__ = ["Grant", "Node", "pin", "topology"]
