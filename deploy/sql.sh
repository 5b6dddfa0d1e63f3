#!/bin/sh
# Says to the database of a store, as its administrator, what comes by standard input: deploy/sql.sh accounts|election
#
# The database is found on this machine, under Compose (COMPOSE_PROJECT_NAME, urna) or in a swarm (STACK, urna). Its administrator
# can log in inside the container only, and his password is read there and passed on in no argument.
set -eu
store=${1:-}
case $store in accounts | election) ;; *) echo "usage: deploy/sql.sh accounts|election" >&2; exit 2 ;; esac
said=$(cat)
[ -n "$said" ] || { echo "Nothing was given to say." >&2; exit 1; }

container=$(docker ps --quiet --filter "label=com.docker.compose.project=${COMPOSE_PROJECT_NAME:-urna}" \
    --filter "label=com.docker.compose.service=$store-database")
[ -n "$container" ] || container=$(docker ps --quiet --filter "label=com.docker.swarm.service.name=${STACK:-urna}_$store-database")
[ -n "$container" ] || { echo "No container of $store-database runs on this machine." >&2; exit 1; }

# shellcheck disable=SC2016
printf '%s\n' "$said" | docker exec --interactive "$container" sh -c '
    if command -v psql >/dev/null; then
        exec psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB"
    fi
    client=$(command -v mysql || command -v mariadb)
    MYSQL_PWD=$(cat /run/secrets/root_password)
    export MYSQL_PWD
    exec "$client" --no-defaults --protocol=socket --socket=/var/run/mysqld/mysqld.sock --user=root
'
echo "The database of the $store store has done it."
