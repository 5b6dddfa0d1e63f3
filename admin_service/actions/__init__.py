"""What administrators may do: one function for each, which owns its transaction.

``check`` arguments are given the version that a thing has, while it is locked, and raise when the caller has
seen another one.
"""
