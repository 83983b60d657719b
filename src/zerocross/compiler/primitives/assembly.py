"""Inline assembly for kernels, and a hand-written gain loop done right.

`assembly` makes a primitive from a template for each architecture, in LLVM's syntax: AT&T
operand order on x86-64, ``$0`` for the first operand, ``$$`` for a literal dollar. The
template runs as it stands; nothing checks it. Where no template fits the target, compiling
the kernel fails with an error that says so.

Real-time: what the template does.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

from zerocross.compiler.primitives.pointer import float32_array
from zerocross.compiler.primitives.primitive import Primitive
from zerocross.compiler.shipped import architecture
from zerocross.errors import CompileError

__all__ = ["Assembly", "assembly", "scale_blocks_avx"]

_MACHINE = architecture(platform.machine())


class Assembly(Primitive):
    """A primitive that is a template of machine code; made by `assembly`.

    Attributes
    ----------
    arguments : str
        One letter for each argument.

    """

    def __init__(
        self,
        function: Callable[..., Any],
        templates: dict[str, tuple[str, str]],
        arguments: str,
    ) -> None:
        super().__init__(function)
        self._templates = templates
        self.arguments = arguments

    @property
    def content(self) -> Any:
        return self.name, self._templates, self.arguments

    def template(self) -> tuple[str, str]:
        """Return the template for this machine, and LLVM's constraints for it.

        Raises
        ------
        CompileError
            If there is none.

        """
        if _MACHINE not in self._templates:
            raise CompileError(
                f"{self.name}: no assembly for {_MACHINE}, only for "
                f"{', '.join(self._templates)}; use the plain kernel"
            )
        return self._templates[_MACHINE]


def assembly(
    templates: dict[str, tuple[str, str]], arguments: str
) -> Callable[[Callable[..., Any]], Assembly]:
    """Decorate a Python body with its machine code.

    Parameters
    ----------
    templates : dict
        For ``x86_64`` and ``aarch64``: the template and LLVM's constraints for it.
    arguments : str
        One letter for each argument: ``l`` int64 (also addresses), ``f`` float32,
        ``d`` float64. The primitive returns nothing.

    """

    def decorate(function: Callable[..., Any]) -> Assembly:
        return Assembly(function, templates, arguments)

    return decorate


@assembly(
    {
        "x86_64": (
            """
            vbroadcastss $2, %ymm0
            movq $0, %rax
            movq $1, %rcx
            testq %rcx, %rcx
            jz 2f
            1:
            vmulps (%rax), %ymm0, %ymm1
            vmulps 32(%rax), %ymm0, %ymm2
            vmulps 64(%rax), %ymm0, %ymm3
            vmulps 96(%rax), %ymm0, %ymm4
            vmovups %ymm1, (%rax)
            vmovups %ymm2, 32(%rax)
            vmovups %ymm3, 64(%rax)
            vmovups %ymm4, 96(%rax)
            addq $$128, %rax
            decq %rcx
            jnz 1b
            2:
            vzeroupper
            """,
            "r,r,x,~{rax},~{rcx},~{xmm0},~{xmm1},~{xmm2},~{xmm3},~{xmm4},~{memory},~{cc}",
        )
    },
    "llf",
)
def scale_blocks_avx(address: int, blocks: int, gain: float) -> None:
    """Multiply blocks of 32 float32 that begin at an address by a gain (AVX)."""
    float32_array(address, 32 * blocks)[:] *= gain
