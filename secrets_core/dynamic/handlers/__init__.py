"""What each operation of dynamic secrets does."""
