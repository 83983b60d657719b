"""What code is made for: targets are data, the back end is one function.

`Target` names an LLVM triple, a CPU and its features. `emit` takes the unoptimised IR of a
kernel, optimises it for a target and returns the object code with its final IR.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

__all__ = ["Emitted", "Target", "emit", "host"]


@dataclasses.dataclass(frozen=True)
class Target:
    """What to compile for.

    Attributes
    ----------
    name : str
        Short name, such as ``host``.
    triple : str
        LLVM's target triple.
    cpu : str
        LLVM's name of the CPU; empty for the generic one.
    features : str
        Comma-separated features, each with ``+`` or ``-``.

    """

    name: str
    triple: str
    cpu: str
    features: str

    @property
    def key(self) -> str:
        """Everything about the target that changes the code."""
        return f"{self.triple}/{self.cpu}/{self.features}"


@dataclasses.dataclass(frozen=True)
class Emitted:
    """Machine code of one module: the object file and the final IR it came from."""

    object_code: bytes
    ir: str


@functools.cache
def llvm() -> Any:
    """Return llvmlite's binding, ready to use."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    binding.initialize_native_asmparser()
    return binding


@functools.cache
def host() -> Target:
    """Return the target of this machine with all that its CPU can do."""
    binding = llvm()
    return Target(
        name="host",
        triple=binding.get_process_triple(),
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
    )


def target_machine(target: Target) -> Any:
    """Return a fresh LLVM target machine for a target (each engine owns its own)."""
    binding = llvm()
    static = target.triple.startswith("x86_64") and "windows" not in target.triple
    return binding.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu,
        features=target.features,
        opt=3,
        reloc="static" if static else "default",
        codemodel="jitdefault",
    )


def emit(ir: str, target: Target) -> Emitted:
    """Optimise a module for a target and return its machine code.

    Parameters
    ----------
    ir : str
        A whole module in which only the entry point is visible from outside.
    target : Target
        What to compile for.

    """
    binding = llvm()
    module = binding.parse_assembly(ir)
    module.triple = target.triple
    machine = target_machine(target)
    module.data_layout = str(machine.target_data)
    tuning = binding.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = True
    tuning.slp_vectorization = True
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    module.verify()
    return Emitted(machine.emit_object(module), str(module))
