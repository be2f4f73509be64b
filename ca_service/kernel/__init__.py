"""What every other package stands on: errors, clock, identifiers, randomness, secret values."""
