"""Lock-outs: who guesses client secrets of one identity from one place is not heard for a while."""
