"""The voting station service: receives ballots from officials and queues them durably; it has no database."""
