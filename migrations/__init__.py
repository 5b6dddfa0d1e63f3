"""How each store's schema came about, one folder a store; ``shared.database.migrate`` runs them."""
