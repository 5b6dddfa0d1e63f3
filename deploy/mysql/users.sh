#!/bin/bash
# Makes the database users of one store, once, when MySQL makes its data directory. USERS names them; the password of each is
# in the secret <user>_password. They have no rights yet, except for the one that prepares the store: tables can be
# granted only when there are some, which is what deploy/grants/apply-mysql.sh waits for.
#
# The image runs this script or reads it into its own shell, depending on the file's mode; the brackets keep what is set here to itself.
(
    set -euo pipefail
    secrets=${SECRETS_DIR:-/run/secrets}
    : "${USERS:?names of the users to make}" "${MYSQL_DATABASE:?name of the store}"
    {
        for user in $USERS; do
            # Passwords are hexadecimal (deploy/secrets.sh), so they need no quoting inside SQL. Anything else is refused.
            password=$(cat "$secrets/${user}_password")
            case $password in
                "" | *[!0-9A-Za-z]*) echo "The secret ${user}_password has to be letters and digits." >&2; exit 1 ;;
            esac
            printf "CREATE USER '%s'@'%%' IDENTIFIED BY '%s';\n" "$user" "$password"
        done
        # The one who prepares makes the tables and hands rights on them to the others, in this store alone.
        # shellcheck disable=SC2016
        printf 'GRANT ALL ON `%s`.* TO `prepare`@`%%` WITH GRANT OPTION;\n' "$MYSQL_DATABASE"
    } | MYSQL_PWD=$(cat "$secrets/root_password") mysql --no-defaults --protocol=socket --user=root \
        --socket="${SOCKET:-/var/run/mysqld/mysqld.sock}"
)
