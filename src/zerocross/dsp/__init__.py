"""Kernels over arrays. Planar float32 inside, interleaved at the edges."""
