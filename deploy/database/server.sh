#!/bin/sh
# The database server without the password of its root. The images read it from its file into their environment, for the
# preparations at the first start, and hand that on; this script bears the server's name and stands before it in PATH.
unset MYSQL_ROOT_PASSWORD MARIADB_ROOT_PASSWORD POSTGRES_PASSWORD PGPASSWORD
name=${0##*/}
for folder in /usr/sbin /usr/bin /usr/lib/postgresql/*/bin; do
    [ ! -x "$folder/$name" ] || exec "$folder/$name" "$@"
done
echo "There is no $name here." >&2
exit 127
