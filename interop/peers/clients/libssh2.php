<?php
// libssh2's client of Debian, through PHP. It offers everything that it was built with.
[, $host, $port, $user, $key] = $argv;
$command = implode(' ', array_slice($argv, 5));

$connection = ssh2_connect($host, (int) $port);
if (!$connection || !ssh2_auth_pubkey_file($connection, $user, "$key.pub", $key)) {
    exit(255);
}
$stream = ssh2_exec($connection, $command);
stream_set_blocking($stream, true);
$data = stream_get_contents(STDIN);
for ($sent = 0; $sent < strlen($data);) {
    $sent += fwrite($stream, substr($data, $sent, 32768));
}
ssh2_send_eof($stream);
while (!feof($stream)) {
    echo fread($stream, 65536);
}
exit(stream_get_meta_data($stream)['exit_status'] ?? 255);
