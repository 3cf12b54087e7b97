#!/bin/sh
# A Java client: JschPeer or GanymedPeer of ../src, or TrileadPeer, which setup.sh makes of the latter.
jars=/usr/share/java
exec java -XX:TieredStopAtLevel=1 -cp \
    "$PEER_HOME/java:$jars/jsch.jar:$jars/jzlib.jar:$jars/ganymed-ssh2.jar:$jars/trilead-ssh2.jar" "$@"
