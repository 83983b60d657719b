"""What is asked of the machine, and granted or not: pages, NUMA, affinity, priority."""

from zerocross.system.grant import Grant
from zerocross.system.numa import Node, pin, topology

__all__ = ["Grant", "Node", "pin", "topology"]
