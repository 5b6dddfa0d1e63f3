"""``urna demo``: a real national election, uploaded, counted and turned into seats, with every figure checked."""
