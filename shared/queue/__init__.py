"""What stations and daemons say to each other through Redis."""
