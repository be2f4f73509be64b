"""What makes and ends accounts at targets: the port, and one file for each kind of target."""
