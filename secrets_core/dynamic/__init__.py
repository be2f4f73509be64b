"""Dynamic secrets: accounts at other systems, made for one caller and ended with their lease."""
