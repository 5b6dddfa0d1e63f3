"""The pages in a real browser. A package, so that its suite and its browser end with its last test in a worker."""
