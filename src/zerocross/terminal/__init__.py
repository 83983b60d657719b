"""The full screen: a player, its lists and its visualiser in a terminal."""
