"""Elementary functions as kernels of vectors: what `math` and NumPy mean in compiled code."""
