#!/bin/bash
# Makes the data directory once, with the root's password, the database and whatever lies in the folder for that.
set -euo pipefail
data=/var/lib/mysql
socket=/run/mysqld/mysqld.sock

if [ "$1" = mariadbd ] && [ ! -d "$data/mysql" ]; then
    mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db >/dev/null
    mariadbd --datadir="$data" --socket="$socket" --skip-networking &
    for _ in $(seq 300); do
        mariadb-admin --no-defaults --socket="$socket" --user=root ping >/dev/null 2>&1 && break
        sleep 0.2
    done
    password=$(cat "$MYSQL_ROOT_PASSWORD_FILE")
    mariadb --no-defaults --socket="$socket" --user=root <<SQL
CREATE DATABASE \`$MYSQL_DATABASE\`;
DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> '${MYSQL_ROOT_HOST:-%}');
FLUSH PRIVILEGES;
SET PASSWORD FOR 'root'@'localhost' = PASSWORD('$password');
SQL
    for script in /docker-entrypoint-initdb.d/*.sh; do
        [ -e "$script" ] && bash "$script"
    done
    MYSQL_PWD=$password mariadb-admin --no-defaults --socket="$socket" --user=root shutdown
    wait
fi
exec "$@" --datadir="$data" --socket="$socket"
