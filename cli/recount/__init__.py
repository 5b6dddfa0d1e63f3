"""``urna recount``: the result again, from what the stations received, and whether the store agrees with it.

Nothing here is the daemon's: what judges the ballots a second time must not have the faults of what did it first. Only
the packed form of a part is read with the code that everybody reads it with (``shared.queue.parts``).
"""
