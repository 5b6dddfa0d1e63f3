"""Results, why they are so, and how certain they are: public, and with a database user that may only read."""
