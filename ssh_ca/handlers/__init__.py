"""What each operation of the SSH authority does."""
