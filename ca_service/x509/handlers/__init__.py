"""What each operation of the certificate authority does."""
