"""The whole suite, from end to end. A package, so that its suite ends with its last test in a worker."""
