"""What somebody may do with accounts: one function for each, which owns its transaction."""
