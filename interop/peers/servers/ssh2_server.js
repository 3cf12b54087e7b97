// The server of npm's ssh2 with everything that it has.
const cp = require('child_process');
const fs = require('fs');
const modules = process.env.PEER_HOME + '/node/node_modules/';
const ssh2 = require(modules + 'ssh2');
const has = require(modules + 'ssh2/lib/protocol/constants.js');

const keys = process.env.PEER_KEYS;
const hostKeys = fs.readdirSync(keys)
  .filter((name) => name.startsWith('host_') && !name.endsWith('.pub'))
  .map((name) => fs.readFileSync(keys + '/' + name));
const known = fs.readFileSync(keys + '/authorized_keys', 'utf8').split('\n').filter(Boolean)
  .map((line) => ssh2.utils.parseKey(line));

function authenticate(attempt) {
  if (attempt.method !== 'publickey') return attempt.reject(['publickey']);
  const key = known.find((other) => other.getPublicSSH().equals(attempt.key.data));
  if (!key) return attempt.reject(['publickey']);
  if (attempt.signature && key.verify(attempt.blob, attempt.signature, attempt.hashAlgo) !== true) {
    return attempt.reject(['publickey']);
  }
  return attempt.accept();
}

function exec(accept, reject, info) {
  const channel = accept();
  const program = cp.spawn('/bin/sh', ['-c', info.command]);
  // The program may have read enough.
  program.stdin.on('error', () => {});
  channel.pipe(program.stdin);
  program.stdout.pipe(channel, { end: false });
  program.stderr.pipe(channel.stderr, { end: false });
  program.on('close', (status) => {
    channel.exit(status ?? 255);
    channel.end();
  });
}

function subsystem(accept, reject, info) {
  if (info.name !== 'echo') return reject();
  const channel = accept();
  channel.pipe(channel, { end: false });
  channel.on('end', () => {
    channel.exit(0);
    channel.end();
  });
}

const algorithms = {
  // It has no group exchange for servers.
  kex: has.SUPPORTED_KEX.filter((name) => !name.includes('group-exchange')),
  cipher: has.SUPPORTED_CIPHER,
  hmac: has.SUPPORTED_MAC,
  compress: has.SUPPORTED_COMPRESSION,
};
new ssh2.Server({ hostKeys, algorithms }, (client) => {
  client.on('error', (error) => console.error(error.message));
  client.on('authentication', authenticate);
  client.on('ready', () => client.on('session', (accept) => {
    const session = accept();
    session.on('exec', exec);
    session.on('subsystem', subsystem);
  }));
}).listen(Number(process.argv[2]), '127.0.0.1');
