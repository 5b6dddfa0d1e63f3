#!/bin/bash
# Makes the database users of one store, once, when PostgreSQL makes its data directory; the same as deploy/mysql/users.sh,
# which says why. POSTGRES_USER and POSTGRES_DB are the image's own variables.
(
    set -euo pipefail
    secrets=${SECRETS_DIR:-/run/secrets}
    : "${USERS:?names of the users to make}" "${POSTGRES_USER:?}" "${POSTGRES_DB:?}"
    {
        # What everybody may by default nobody may here: the store is for the users named below.
        printf 'REVOKE ALL ON DATABASE "%s" FROM PUBLIC;\n' "$POSTGRES_DB"
        printf 'REVOKE ALL ON SCHEMA public FROM PUBLIC;\n'
        # The databases that every server has; in them everybody could make temporary tables.
        printf 'REVOKE ALL ON DATABASE postgres FROM PUBLIC;\nREVOKE ALL ON DATABASE template1 FROM PUBLIC;\n'
        # Programs in the database, and files in it that no table holds: no service needs them.
        printf 'REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;\n'
        printf 'REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;\n' \
            'lo_creat(integer)' 'lo_create(oid)' 'lo_from_bytea(oid, bytea)'
        for user in $USERS; do
            password=$(cat "$secrets/${user}_password")
            case $password in
                "" | *[!0-9A-Za-z]*) echo "The secret ${user}_password has to be letters and digits." >&2; exit 1 ;;
            esac
            printf "CREATE ROLE \"%s\" LOGIN PASSWORD '%s';\n" "$user" "$password"
            printf 'GRANT CONNECT ON DATABASE "%s" TO "%s";\n' "$POSTGRES_DB" "$user"
            printf 'GRANT USAGE ON SCHEMA public TO "%s";\n' "$user"
        done
        # The owner makes the tables and hands rights on them to the others.
        printf 'ALTER DATABASE "%s" OWNER TO prepare;\n' "$POSTGRES_DB"
        printf 'GRANT CREATE ON SCHEMA public TO prepare;\n'
    } | psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB"
)
