"""What the administration decides without a clock and without a store, a module for each noun."""
