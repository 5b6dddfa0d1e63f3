"""The daemon judges what the stations received and records it, each ballot once."""

import gc

# A transaction makes some hundred thousand objects and no cycles; looking for those took a tenth of the time. Said
# before anything else is read in, because that makes as many.
gc.set_threshold(200_000, 20, 20)
