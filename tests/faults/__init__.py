"""The fault machine: ``make faults`` breaks the real suite on purpose and then checks every ballot (docs/faults.md)."""
