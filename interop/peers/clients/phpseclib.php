<?php
// phpseclib 2. It offers everything that it has, runs commands only, and sends them no input.
require '/usr/share/php/phpseclib/autoload.php';

[, $host, $port, $user, $file] = $argv;
$command = implode(' ', array_slice($argv, 5));

$session = new phpseclib\Net\SSH2($host, (int) $port, 10);
$key = new phpseclib\Crypt\RSA();
if (!$key->loadKey(file_get_contents($file))) {
    fwrite(STDERR, "not a key that it reads\n");
    exit(255);
}
if (!$session->login($user, $key)) {
    fwrite(STDERR, "not let in\n");
    exit(255);
}
$session->exec($command, function ($data) { echo $data; });
$status = $session->getExitStatus();
exit($status === false ? 255 : $status);
