#!/bin/sh
# russh's client with everything that it has: see ../russhpeer.
exec "$PEER_HOME/russhpeer" client "$@"
