// Microsoft's dev-tunnels-ssh with everything that it has: what SshAlgorithms lists.
const modules = process.env.PEER_HOME + '/node/node_modules/@microsoft/';
const ssh = require(modules + 'dev-tunnels-ssh');
const tcp = require(modules + 'dev-tunnels-ssh-tcp');
const keys = require(modules + 'dev-tunnels-ssh-keys');

const [host, port, username, key, ...rest] = process.argv.slice(2);

function everything(list, known) {
  for (const algorithm of Object.values(known)) {
    if (algorithm && algorithm.name && !list.some((other) => other && other.name === algorithm.name)) {
      list.push(algorithm);
    }
  }
}

function input() {
  return new Promise((resolve) => {
    const parts = [];
    process.stdin.on('data', (data) => parts.push(data));
    process.stdin.on('end', () => resolve(Buffer.concat(parts)));
  });
}

async function main() {
  const config = new ssh.SshSessionConfiguration();
  everything(config.keyExchangeAlgorithms, ssh.SshAlgorithms.keyExchange);
  everything(config.encryptionAlgorithms, ssh.SshAlgorithms.encryption);
  everything(config.hmacAlgorithms, ssh.SshAlgorithms.hmac);
  everything(config.publicKeyAlgorithms, ssh.SshAlgorithms.publicKey);
  if (process.env.REKEY) config.keyRotationThreshold = Number(process.env.REKEY);
  const client = new tcp.SshClient(config);
  const session = await client.openSession(host, Number(port));
  session.onAuthenticating((event) => { event.authenticationPromise = Promise.resolve({}); });
  if (!await session.authenticate({ username, publicKeys: [await keys.importKeyFile(key)] })) {
    throw new Error('not let in');
  }
  const channel = await session.openChannel();
  let status = 255;
  const closed = new Promise((resolve) => channel.onClosed((event) => {
    status = event.exitStatus ?? 255;
    resolve();
  }));
  channel.onDataReceived((data) => {
    process.stdout.write(Buffer.from(data));
    channel.adjustWindow(data.length);
  });
  const request = new ssh.CommandRequestMessage();
  request.command = rest.join(' ');
  request.wantReply = true;
  if (process.env.SUBSYSTEM) request.requestType = 'subsystem';
  if (!await channel.request(request)) throw new Error('refused');
  const data = await input();
  if (data.length) await channel.send(data);
  // Nothing stands for the end.
  await channel.send(Buffer.alloc(0));
  await closed;
  client.dispose();
  process.stdout.write('', () => process.exit(status));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(255);
});
