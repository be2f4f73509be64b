"""What each operation of the vault does."""
