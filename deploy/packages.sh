#!/bin/sh
# Installs the packages of one image from /wheels into /opt/urna, inside the builder: deploy/packages.sh REQUIREMENTS
#
# The file names every package, so nothing is resolved again; the check would find what it left out.
set -eu
pip --python /opt/urna/bin/python install --no-index --find-links /wheels --require-hashes --only-binary :all: --no-deps \
    --requirement "$1"
pip --python /opt/urna/bin/python check

# What packages bring for their own makers: tests, what only tests import, sources that were compiled already, and what a
# debugger would read in the compiled ones. It is a fifth of an image, and nothing that runs there reads it. The libraries
# that a wheel carries along (*.libs) were rewritten by its makers' tools, and are left as they are.
packages=$(/opt/urna/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
find "$packages" -depth -type d -name tests -exec rm -rf {} +
rm -rf "$packages/alembic/testing" "$packages/gevent/testing" "$packages/sqlalchemy/testing"
# The databases that Urna does not know, and the look-up of names of mail servers, which nothing here asks for;
# nor is gevent's other loop, or its look-up of names by another library, used.
rm -rf "$packages/gevent/libuv" "$packages"/gevent/resolver/cares.*.so
rm -rf "$packages/sqlalchemy/dialects/mssql" "$packages/sqlalchemy/dialects/oracle" "$packages/dns"
# The locales of languages that there are no pages in, which are most of what Babel brings.
if [ -d "$packages/babel/locale-data" ]; then
    find "$packages/babel/locale-data" -type f ! -name 'root.dat' ! -name 'en.dat' ! -name 'en_001.dat' ! -name 'en_GB.dat' \
        ! -name 'fr.dat' ! -name 'sr.dat' ! -name 'sr_Cyrl.dat' ! -name 'sr_Latn.dat' -delete
fi
# What of Pillow reads and writes pictures that nobody sends here, writes letters and manages colours, with the libraries
# that nothing else needs; and the time zones of a library that is only asked for UTC.
rm -f "$packages"/PIL/_avif.*.so "$packages"/PIL/_imagingft.*.so "$packages"/PIL/_imagingcms.*.so "$packages"/PIL/_imagingtk.*.so
rm -f "$packages"/pillow.libs/libavif-* "$packages"/pillow.libs/libharfbuzz-* "$packages"/pillow.libs/libfreetype-* \
    "$packages"/pillow.libs/liblcms2-* "$packages"/pillow.libs/libbrotli* "$packages"/pillow.libs/libpng16-*
rm -rf "$packages/pytz/zoneinfo"
find "$packages" -type f \( -name '*.c' -o -name '*.h' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.pyx' \) -delete
find "$packages" -type f -name '*.so' -not -path '*.libs/*' -exec strip --strip-unneeded {} +
