"""The lab: what is claimed, measured on the user's own machine."""
