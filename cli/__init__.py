"""The ``urna`` command: the whole suite on one machine, and everybody's work with it from a terminal."""
