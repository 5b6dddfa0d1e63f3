#!/bin/bash
# The images' own check: does the service in this container answer? Status 0 when it does, within 25 seconds.
#
# It starts no other program, for on a night when a machine has too much to do, a check that needs much itself would end
# services that only wait for their turn.
exec 3<>"/dev/tcp/127.0.0.1/$PORT" || exit 1
printf 'GET /health/live HTTP/1.0\r\n\r\n' >&3
read -r -t 25 answer <&3 && [[ $answer == HTTP/1.?' 200 '* ]]
