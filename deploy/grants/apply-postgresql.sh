#!/bin/bash
# Gives the services their rights on one store in PostgreSQL; the same as apply-mysql.sh, which says why.
set -euo pipefail
: "${STORE_HOST:?name of the database server}" "${POSTGRES_DB:?name of the store}"
secrets=${SECRETS_DIR:-/run/secrets}
grants=${GRANTS:-/srv/grants.sql}

umask 077
PGPASSFILE=$(mktemp)
export PGPASSFILE
trap 'rm -f "$PGPASSFILE"' EXIT
printf '*:*:*:prepare:%s\n' "$(cat "$secrets/prepare_password")" > "$PGPASSFILE"

for attempt in $(seq "${ATTEMPTS:-60}"); do
    # All or nothing: a table that is still missing leaves no half of the rights behind.
    if problem=$(psql --no-psqlrc --quiet --single-transaction --set ON_ERROR_STOP=1 --host "$STORE_HOST" \
        --port "${STORE_PORT:-5432}" --username prepare --dbname "$POSTGRES_DB" --file "$grants" 2>&1); then
        echo "The rights on $POSTGRES_DB are given."
        exit 0
    fi
    echo "Not yet (attempt $attempt): $problem" >&2
    sleep 2
done
exit 1
