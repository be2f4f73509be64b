"""The KMS: keys in versions that encrypt, sign and tag, and never leave custody."""
