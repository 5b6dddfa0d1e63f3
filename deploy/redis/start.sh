#!/bin/sh
# Starts Redis with one user for each service that reaches it. The rules are in users.acl, which is no secret; the passwords
# are secrets, and only their hashes are put beside the rules, in memory.
set -eu
umask 077
secrets=${SECRETS_DIR:-/run/secrets}
rules=${RULES:-/etc/redis/users.acl}
users=${USERS_FILE:-/tmp/users.acl}

cp "$rules" "$users"
# cp keeps the mode of a configuration that only may be read.
chmod 0600 "$users"
for user in station daemon results; do
    password=$(cat "$secrets/${user}_password")
    [ -n "$password" ] || { echo "The secret ${user}_password is empty." >&2; exit 1; }
    hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
    sed -i "s/^user $user on /user $user on #$hash /" "$users"
    grep -q "^user $user on #$hash " "$users" || { echo "No rule for the user $user in $rules." >&2; exit 1; }
done
exec redis-server /etc/redis/redis.conf
