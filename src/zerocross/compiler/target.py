"""What code is made for: targets are data, the back end is one function.

`Target` names an LLVM triple, a CPU and its features. `emit` takes the unoptimised IR of a
kernel, optimises it for a target and returns the object code with its final IR.

*Levels* are targets by the name of their instruction set: ``scalar`` (vectors off: a true
baseline), ``sse4.1``, ``avx2``, ``avx512``, ``neon``. The best one that the machine has is
the default, tuned for the very CPU; ``ZEROCROSS_SIMD=level`` forces another. `WEB` are the targets of
browsers, which no machine runs by itself. What the machine has
is asked of the shipped library (`shipped`) where there is one, so that a start needs no LLVM.

Over 300 lines, a quarter of them docstrings.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from typing import Any

from zerocross.compiler import shipped
from zerocross.compiler.mode import BY_WIDTH, CompilationMode
from zerocross.errors import TargetError

__all__ = [
    "LEVELS",
    "WEB",
    "Emitted",
    "Target",
    "active",
    "active_level",
    "available",
    "emit",
    "host",
    "level",
    "llvm_version",
    "object_code",
    "optimise",
]


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
    vectors : bool
        Whether there are any.
    register_bits : int
        How wide they are.
    shared : bool
        Whether the code is for a shared library: it may lie anywhere.

    """

    name: str
    triple: str
    cpu: str
    features: str
    vectors: bool = True
    register_bits: int = 128
    shared: bool = False

    @property
    def architecture(self) -> str:
        """``x86_64``, ``aarch64`` or another, by one name each."""
        return _architecture(self.triple)

    @property
    def rounds(self) -> bool:
        """Whether it has instructions that round to integers: x86-64 from SSE4.1 on, and others."""
        return self.vectors or self.architecture != "x86_64"

    @property
    def mode(self) -> CompilationMode:
        """The mode in which kernels are compiled for it."""
        return BY_WIDTH[self.register_bits] if self.vectors else "scalar"

    @property
    def key(self) -> str:
        """Everything about the target that changes the code."""
        kinds = f"{self.vectors}/{self.register_bits}/{self.shared}"
        return f"{self.triple}/{self.cpu}/{self.features}/{kinds}"


@dataclasses.dataclass(frozen=True)
class Emitted:
    """Machine code of one module: the object file and the final IR.

    The assembly is written when it is asked for, which takes as long as the object file.
    """

    object_code: bytes
    ir: str
    target: Target

    @functools.cached_property
    def assembly(self) -> str:
        """The same as text."""
        module = llvm().parse_assembly(self.ir)
        return str(target_machine(self.target).emit_assembly(module))


@functools.cache
def llvm() -> Any:
    """Return llvmlite's binding, ready to use."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    binding.initialize_native_asmparser()
    return binding


def llvm_version() -> str:
    """Return the versions of LLVM and of llvmlite."""
    import llvmlite

    return f"{llvm().llvm_version_info} {llvmlite.__version__}"


#: How wide the vector registers of a level are, where it is not 128 bits.
_REGISTER_BITS = {"avx2": 256, "avx512": 512}
#: Levels by name: architecture, LLVM's CPU, features, and what a host must have for it.
LEVELS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "scalar": ("", "", "", ()),
    "sse4.1": ("x86_64", "x86-64", "+sse3,+ssse3,+sse4.1", ("sse4.1",)),
    "avx2": ("x86_64", "x86-64-v3", "", ("avx2", "fma", "bmi2", "f16c")),
    "avx512": (
        "x86_64",
        "x86-64-v4",
        "-prefer-256-bit",
        ("avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512cd"),
    ),
    "neon": ("aarch64", "generic", "+neon", ("neon",)),
}

_WASM = "wasm32-unknown-unknown"
#: Targets of browsers by name: WebAssembly 1.0, and with the vectors of 2.0. Addresses have 32 bits there;
#: records keep them in 64, as everywhere.
WEB = {
    "wasm": Target("wasm", _WASM, "mvp", "", vectors=False),
    "wasm-simd": Target(
        "wasm-simd",
        _WASM,
        "mvp",
        "+simd128,+sign-ext,+nontrapping-fptoint,+bulk-memory,+mutable-globals",
    ),
}


def _architecture(triple: str) -> str:
    return shipped.architecture(triple.partition("-")[0])


@functools.cache
def available() -> tuple[str, ...]:
    """Return the levels that this machine can run, the best last."""
    library = shipped.library()
    if library:
        mine, has = library.architecture, library.features()
    else:
        mine = _architecture(llvm().get_process_triple())
        has = frozenset(n for n, there in llvm().get_host_cpu_features().items() if there)
    return tuple(
        name
        for name, (architecture, _, _, needed) in LEVELS.items()
        if architecture in ("", mine) and has.issuperset(needed)
    )


@functools.cache
def level(name: str, triple: str = "") -> Target:
    """Return the target of a level; ``neon`` also where it can only be emitted.

    Parameters
    ----------
    name : str
        One of `LEVELS`.
    triple : str
        LLVM's, of another system; this one's if empty.

    Raises
    ------
    TargetError
        If there is no such level.

    """
    if name not in LEVELS:
        raise TargetError(f"no SIMD level {name!r}; there are: {', '.join(LEVELS)}")
    architecture, cpu, features, _ = LEVELS[name]
    triple = triple or llvm().get_process_triple()
    mine = _architecture(triple)
    if name == "scalar":
        base = "x86-64" if mine == "x86_64" else "generic"
        return Target(name, triple, base, "", vectors=False)
    if architecture != mine:
        triple = f"{architecture}-unknown-linux-gnu"
    return Target(name, triple, cpu, features, register_bits=_REGISTER_BITS.get(name, 128))


@functools.cache
def host() -> Target:
    """Return the best level of this machine, tuned for its own CPU."""
    binding = llvm()
    best = available()[-1]
    return Target(
        name=best,
        triple=binding.get_process_triple(),
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        register_bits=_REGISTER_BITS.get(best, 128),
    )


def active_level() -> str:
    """Return the level in force: the best one, or that which ``ZEROCROSS_SIMD`` names.

    Raises
    ------
    TargetError
        If this machine cannot run that level.

    """
    forced = os.environ.get("ZEROCROSS_SIMD", "").lower()
    if not forced:
        return available()[-1]
    if forced not in available():
        level(forced)  # complains about a name that is none
        raise TargetError(
            f"ZEROCROSS_SIMD={forced}: this machine has {', '.join(available())}; choose one of them"
        )
    return forced


def active() -> Target:
    """Return the target in force: `host`, or the level that ``ZEROCROSS_SIMD`` names.

    Raises
    ------
    TargetError
        If this machine cannot run that level.

    """
    chosen = active_level()
    return level(chosen) if os.environ.get("ZEROCROSS_SIMD") else host()


@functools.cache
def _initialize_all_targets() -> None:
    llvm().initialize_all_targets()
    llvm().initialize_all_asmprinters()


def target_machine(target: Target) -> Any:
    """Return a fresh LLVM target machine for a target (each engine owns its own)."""
    binding = llvm()
    if target.architecture != _architecture(binding.get_process_triple()):
        _initialize_all_targets()
    static = target.architecture == "x86_64" and "windows" not in target.triple
    reloc = "static" if static else "default"
    return binding.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu,
        features=target.features,
        opt=3,
        reloc="pic" if target.shared else reloc,
        codemodel="small" if target.shared else "jitdefault",
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
    machine = target_machine(target)
    module = _optimised(ir, target, machine)
    return Emitted(machine.emit_object(module), str(module), target)


def optimise(ir: str, target: Target) -> str:
    """Return a module as `emit` optimises it, without making machine code of it."""
    return str(_optimised(ir, target, target_machine(target)))


def _optimised(ir: str, target: Target, machine: Any) -> Any:
    module = llvm().parse_assembly(ir)
    module.triple = target.triple
    module.data_layout = str(machine.target_data)
    _optimise(module, machine, 3, loops=target.vectors)
    module = take_in_variants(module, machine)
    module.verify()
    return module


def object_code(ir: str, target: Target) -> bytes:
    """Return the object code of a module as it stands: nothing is optimised or inlined."""
    module = llvm().parse_assembly(ir)
    module.triple = target.triple
    machine = target_machine(target)
    module.data_layout = str(machine.target_data)
    module.verify()
    code: bytes = machine.emit_object(module)
    return code


def _optimise(module: Any, machine: Any, level: int, loops: bool = False) -> None:
    """Run LLVM's passes; ``loops``: make vectors of them, which is done once."""
    tuning = llvm().create_pipeline_tuning_options(speed_level=level)
    tuning.loop_vectorization = tuning.slp_vectorization = loops
    passes = llvm().create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)


#: LLVM's list of functions that are kept although nothing calls them: variants of functions, that
#: the vectoriser of loops may want (see `linker`).
KEPT = "llvm.compiler.used"
_LIST = re.compile(rf"^@{re.escape(KEPT)} = [^\n]*\n", re.MULTILINE)
_TOLD = re.compile(
    r'^(attributes #\d+ = \{[^\n]*?) noinline ([^\n]*?)"vector-function-abi-variant"="[^"]*"',
    re.MULTILINE,
)


def has_variants(function: Any) -> bool:
    """Return whether a function has variants for vectors."""
    return any(b"vector-function-abi-variant" in each for each in function.attributes)


def take_in_variants(module: Any, machine: Any) -> Any:
    """Return a module whose loops are vectors, with the variants that they call in their place.

    The functions that have variants are any functions from here on: hidden, inlined, specialised.
    """
    if all(variable.name != KEPT for variable in module.global_variables):
        return module
    names = [f.name for f in module.functions if has_variants(f) and not f.is_declaration]
    made = llvm().parse_assembly(_TOLD.sub(r"\1 \2", _LIST.sub("", str(module))))
    made.name = module.name
    for name in names:
        made.get_function(name).linkage = "internal"
    _optimise(made, machine, 3)
    return made


def simplify(ir: str, inline_into: str) -> str:
    """Optimise a function with all that it calls, for no target in particular, without vectors."""
    module = llvm().parse_assembly(ir)
    for function in module.functions:
        if not function.is_declaration and function.name != inline_into:
            function.add_function_attribute("alwaysinline")
    _optimise(module, target_machine(level("scalar")), 2)
    return str(module)
