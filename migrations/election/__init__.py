"""The schema of the election store, revision by revision."""
