"""Where the coefficients of `zerocross.compiler.elementary` come from: ``python -m tools.coefficients``."""
