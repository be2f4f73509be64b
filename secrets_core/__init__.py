"""The secrets vault, the KMS and dynamic secrets: modules over the same ground."""
