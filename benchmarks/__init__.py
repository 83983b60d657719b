"""Benchmarks: our kernels against the field, contestant beside contestant in one process.

python -m benchmarks [PATTERN] [--json FILE]
"""
