"""The real-time proof: what may be called, the verdict, and the words for a refusal."""
