"""The daemon judges what the stations received and records it, each ballot once."""
