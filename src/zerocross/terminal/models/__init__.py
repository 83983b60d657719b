"""What views show and change: of the equaliser and of the chain of effects; no Textual here."""
