"""The centre of Keywright: the gate, the ground below it, and the certificate authority."""
