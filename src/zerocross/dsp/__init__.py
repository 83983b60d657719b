"""The dsp room: kernels over arrays. Planar float32 inside, interleaved at the edges."""
