"""The command line: commands, their tables, pictures, and the status line.

A file that defines commands is imported at every start, so it imports nothing heavy at its top;
what a command needs it imports when it runs. The rest reads what the player and the lab offer and
never reaches into the engine.
"""
