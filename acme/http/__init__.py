"""Routes of the ACME server: the protocol's own (`door`) and those of our API about directories (`rest`)."""
