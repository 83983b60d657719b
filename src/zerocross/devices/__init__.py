"""Sound devices and others' audio I/O: they are given an address to call, and know no callback of ours."""
