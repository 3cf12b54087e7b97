// The client of npm's ssh2 with everything that it has.
const fs = require('fs');
const modules = process.env.PEER_HOME + '/node/node_modules/';
const { Client } = require(modules + 'ssh2');
const has = require(modules + 'ssh2/lib/protocol/constants.js');

const [host, port, username, key, ...rest] = process.argv.slice(2);
const command = rest.join(' ');
const client = new Client();
let status = 255;

function run(error, channel) {
  if (error) {
    console.error(error.message);
    process.exit(255);
  }
  channel.on('exit', (code) => { status = code; });
  channel.on('data', (data) => process.stdout.write(data));
  channel.stderr.on('data', (data) => process.stderr.write(data));
  channel.on('close', () => {
    client.end();
    process.exitCode = status;
  });
  process.stdin.pipe(channel);
}

client.on('error', (error) => {
  console.error(error.message);
  process.exit(255);
});
client.on('ready', () => (process.env.SUBSYSTEM ? client.subsys(command, run) : client.exec(command, run)));
client.connect({
  host,
  port: Number(port),
  username,
  privateKey: fs.readFileSync(key),
  algorithms: {
    kex: has.SUPPORTED_KEX,
    cipher: has.SUPPORTED_CIPHER,
    hmac: has.SUPPORTED_MAC,
    serverHostKey: has.SUPPORTED_SERVER_HOST_KEY,
    compress: has.SUPPORTED_COMPRESSION,
  },
});
