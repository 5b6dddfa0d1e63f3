"""The daemon's queries; every function takes a session and none commits."""
