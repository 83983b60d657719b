"""The engine: the audio thread, the decode thread that feeds it, streams, and what is counted."""
