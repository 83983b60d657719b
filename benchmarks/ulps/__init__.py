"""How far elementary functions are from the truth, in units in the last place of their results."""
