// An AI application in Node: node's https and TLS, npm `ws`, npm `standardwebhooks`, none of them changed.
// It asks the stock verifier about the flow request and about the handshake, echoes the audio of a native stream, and
// prints one JSON line for what happens.   node app.mjs CERTIFICATE KEY   (secrets in the environment)
import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { judge } from './judge.mjs';

const require = createRequire(process.env.NODE_PACKAGES + '/');
const { WebSocketServer } = require('ws');
const [certificate, key] = process.argv.slice(2);
const secrets = { new: process.env.SECRET_NEW, old: process.env.SECRET_OLD };
const path = '/voice?call=%7Bone%7D&n=1';
let wsUrl;

const say = (event, more) => console.log(JSON.stringify({ event, ...more }));

const https = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    const verdict = judge({ headers: request.headers, body }, secrets);
    say('flow', { verdict, body: JSON.parse(body), method: request.method, content: request.headers['content-type'] });
    if (!verdict.new && !verdict.old) return response.writeHead(401).end();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ action: 'stream', protocol: 'native.v1', ws_url: wsUrl, sample_rate: '16k' }));
  });
});

const streams = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 1 << 18 });
https.on('upgrade', (request, socket, head) => {
  const verdict = judge({ headers: request.headers, body: wsUrl }, secrets);
  const { 'sec-websocket-protocol': protocol, 'sec-websocket-extensions': extensions } = request.headers;
  say('handshake', { verdict, exact: request.url === path, protocol, extensions });
  if (!verdict.new && !verdict.old) return socket.destroy();
  streams.handleUpgrade(request, socket, head, (stream) => {
    let octets = 0;
    stream.on('message', (message, binary) => {
      if (!binary) return say('text', { message: JSON.parse(message) });
      octets += message.length;
      stream.send(message);
    });
    stream.on('error', (error) => say('error', { message: error.message }));
    stream.on('close', (code) => say('close', { code, octets }));
  });
});

https.listen(0, '127.0.0.1', () => {
  const { port } = https.address();
  wsUrl = `wss://localhost:${port}${path}`;
  say('listening', { port });
});
