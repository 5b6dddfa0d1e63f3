"""How fast the suite is, in relation to what the database alone can do; ``make bench`` runs it."""
