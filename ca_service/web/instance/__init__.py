"""The instance as a whole: its state and its measurements."""
