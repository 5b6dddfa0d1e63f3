"""The whole suite on one machine: its data directory, its processes, and the one that looks after them."""
