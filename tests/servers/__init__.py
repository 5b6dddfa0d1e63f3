"""Real servers for the tests: each a process of its own on a free loopback port, in a temporary directory.

A test asks for the fixtures of tests/conftest.py. A test that kills, freezes or restarts makes a server of its own,
since the fixtures' servers belong to all tests of a worker::

    needs(MariaDB)
    with MariaDB(durable=True) as server:
        url = server.new_database()
        server.kill()
        server.start()
"""

from tests.servers.mysql import MariaDB, MySQL
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import DatabaseServer, Server, ServerError, find_program, free_port
from tests.servers.redis import Redis
from tests.servers.sqlite import SQLite

__all__ = [
    "DatabaseServer",
    "MariaDB",
    "MySQL",
    "PostgreSQL",
    "Redis",
    "SQLite",
    "Server",
    "ServerError",
    "find_program",
    "free_port",
]
