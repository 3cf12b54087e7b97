#!/bin/sh
# Go's x/crypto/ssh: see ../src/gopeer.go.
exec "$PEER_HOME/gopeer" client "$@"
