#!/bin/sh
# russh's server with everything that it has: see ../russhpeer.
exec "$PEER_HOME/russhpeer" server "$1" "$PEER_KEYS"
