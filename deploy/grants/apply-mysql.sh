#!/bin/bash
# Gives the services their rights on one store, as soon as the migrations have made its tables; until then it tries again,
# because in a swarm nothing says which of two services starts first. Doing it twice changes nothing.
set -euo pipefail
: "${STORE_HOST:?name of the database server}" "${MYSQL_DATABASE:?name of the store}"
secrets=${SECRETS_DIR:-/run/secrets}
grants=${GRANTS:-/srv/grants.sql}

# The password goes into a file in memory and neither into an argument nor into the environment, which others could read.
umask 077
options=$(mktemp)
trap 'rm -f "$options"' EXIT
printf '[client]\nuser=prepare\npassword=%s\nhost=%s\nport=%s\n' \
    "$(cat "$secrets/prepare_password")" "$STORE_HOST" "${STORE_PORT:-3306}" > "$options"

for attempt in $(seq "${ATTEMPTS:-60}"); do
    if problem=$(mysql --defaults-file="$options" --protocol=tcp "$MYSQL_DATABASE" < "$grants" 2>&1); then
        echo "The rights on $MYSQL_DATABASE are given."
        exit 0
    fi
    echo "Not yet (attempt $attempt): $problem" >&2
    sleep 2
done
exit 1
