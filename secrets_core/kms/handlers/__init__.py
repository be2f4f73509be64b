"""What each operation of the KMS does."""
