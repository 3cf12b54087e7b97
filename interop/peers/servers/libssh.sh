#!/bin/sh
# libssh's server: see ../src/libssh_server.c.
exec "$PEER_HOME/libssh_server" "$1" "$PEER_KEYS"
