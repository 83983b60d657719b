"""The faces: the command line and its screens. They read; they never reach into the engine."""
