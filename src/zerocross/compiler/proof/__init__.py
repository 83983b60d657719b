"""The real-time proof of what runs on the audio thread, and the words for a refusal.

`allow_list` (what may be called), `verdict` (the proof), `finding` and `forbidden` (the words and
the tables), `source_reader` and `diagnosis` (the two readers that find the line).
"""
