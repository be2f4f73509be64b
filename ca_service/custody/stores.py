"""The names of key stores."""

#: The key store that every instance has: keys sealed in their rows.
DATABASE = "database"
