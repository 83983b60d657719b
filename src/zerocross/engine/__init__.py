"""The engine room: the audio thread, the decode thread that feeds it, and devices."""
