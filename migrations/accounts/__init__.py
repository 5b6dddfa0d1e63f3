"""The schema of the accounts store, revision by revision."""
