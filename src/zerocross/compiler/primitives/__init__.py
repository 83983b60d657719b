"""What kernels may say beside Python: atomics, pointers, vectors, assembly, the float mode."""
