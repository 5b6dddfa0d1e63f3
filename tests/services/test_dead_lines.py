"""A line to the database on which nothing passes any more is noticed, though nobody says that it is cut."""

import os
import socket

import pytest

from shared.database import Database


@pytest.mark.parametrize("engine", ["postgresql"])
def test_a_dead_line_to_postgresql_is_noticed_within_half_a_minute(election_database_url: str) -> None:
    database = Database(election_database_url)
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        with socket.socket(fileno=os.dup(driver.pgconn.socket)) as line:
            assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            asks_after, asks_every, asks_times = (
                line.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
            assert asks_after + asks_every * asks_times <= 30
            assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
    database.close()
