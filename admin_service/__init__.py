"""The administration service: participants, candidates and elections, and the classic results."""
