"""The tests. Folders follow what they promise: rules, services, journey, faults, deployment."""
