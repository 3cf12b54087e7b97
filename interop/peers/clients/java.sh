#!/bin/sh
# A Java client: JschPeer, GanymedPeer or TrileadPeer, of ../src.
jars=/usr/share/java
exec java -XX:TieredStopAtLevel=1 -cp \
    "$PEER_HOME/java:$jars/jsch.jar:$jars/jzlib.jar:$jars/ganymed-ssh2.jar:$jars/trilead-ssh2.jar" "$@"
