#!/bin/sh
# The command urna in the image of the operator, where the project is not installed but lies in a folder.
exec python -m cli "$@"
