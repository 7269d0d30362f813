// The load: so many connections that stay open, each doing one thing after another and checking every answer.
//
//   node load.mjs < order.json        ->  {"event": "begin"} and {"event": "end", ...} on standard output
//
// It speaks HTTP/1.1 on bare sockets, because Node's own client would become the slower end of the wire.

import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

const SEPARATOR = Buffer.from('\r\n\r\n');
const PATIENCE = 20_000; // milliseconds for one answer
const REDIRECTS = 6;

/** One open connection: a request, then its answer, never two at a time. */
class Wire {
  constructor(port, host) {
    this.port = port;
    this.host = host;
    this.socket = null;
    this.opened = 0;
    this.waiting = null;
    this.got = null;
  }

  open() {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1', () => resolve());
      socket.setNoDelay(true);
      socket.setTimeout(PATIENCE, () => socket.destroy(new Error('no answer')));
      socket.on('data', (chunk) => this.take(chunk));
      socket.on('error', (fault) => { reject(fault); this.fail(fault); });
      socket.on('close', () => { this.socket = null; this.fail(new Error('the server closed the connection')); });
      this.socket = socket;
      this.opened += 1;
    });
  }

  async send(method, path, headers, body = '') {
    if (!this.socket) await this.open();
    const lines = [`${method} ${path} HTTP/1.1`, `Host: ${this.host}`, 'Accept: */*', ...headers];
    if (method === 'POST') {
      lines.push('Content-Type: application/x-www-form-urlencoded', `Content-Length: ${Buffer.byteLength(body)}`);
    }
    this.got = null;
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
    });
  }

  take(chunk) {
    this.got = this.got ? Buffer.concat([this.got, chunk]) : chunk;
    const answer = parse(this.got);
    if (!answer || !this.waiting) return;
    const { resolve } = this.waiting;
    this.waiting = null;
    resolve(answer);
  }

  fail(fault) {
    if (!this.waiting) return;
    const { reject } = this.waiting;
    this.waiting = null;
    reject(fault);
  }

  close() {
    this.waiting = null;
    this.socket?.destroy();
  }
}

/** A whole answer, or null while some of it is still on its way. */
function parse(bytes) {
  const end = bytes.indexOf(SEPARATOR);
  if (end < 0) return null;
  const [first, ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = new Map();
  const cookies = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'set-cookie') cookies.push(value);
    else headers.set(name, value);
  }
  const rest = bytes.subarray(end + SEPARATOR.length);
  const status = Number(first.slice(9, 12));
  let body;
  if (headers.get('transfer-encoding') === 'chunked') {
    body = unchunked(rest);
    if (body === null) return null;
  } else {
    const length = Number(headers.get('content-length') ?? 0);
    if (rest.length < length) return null;
    body = rest.toString('utf8', 0, length);
  }
  return { status, headers, cookies, body };
}

function unchunked(bytes) {
  const parts = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return null;
    const length = Number.parseInt(bytes.toString('latin1', at, end), 16);
    const from = end + 2;
    if (bytes.length < from + length + 2) return null;
    if (length === 0) return Buffer.concat(parts).toString('utf8');
    parts.push(bytes.subarray(from, from + length));
    at = from + length + 2;
  }
}

/** What a browser would keep, for one origin. */
class Jar {
  constructor(given) {
    this.kept = new Map(Object.entries(given ?? {}));
  }

  header() {
    if (!this.kept.size) return [];
    return [`Cookie: ${[...this.kept].map(([name, value]) => `${name}=${value}`).join('; ')}`];
  }

  keep(cookies) {
    for (const cookie of cookies) {
      const [pair, ...rest] = cookie.split(';');
      const equals = pair.indexOf('=');
      const over = rest.some((part) => /^\s*max-age=0$/i.test(part) || /^\s*expires=thu, 01.jan.1970/i.test(part));
      if (over) this.kept.delete(pair.slice(0, equals));
      else this.kept.set(pair.slice(0, equals), pair.slice(equals + 1));
    }
  }
}

const random = (bytes) => randomBytes(bytes).toString('base64url');
const part = (token, index) => JSON.parse(Buffer.from(token.split('.')[index], 'base64url').toString('utf8'));

function expect(ok, what, answer) {
  if (!ok) throw new Error(`${what}${answer ? ` (${answer.status} ${answer.body.slice(0, 200)})` : ''}`);
}

/** One person's browser and one client on one connection. */
class Actor {
  constructor(order) {
    this.order = order;
    this.wire = new Wire(order.port, order.host);
    this.jar = new Jar(order.cookies);
    const { id, secret } = order.client ?? {};
    const pair = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`;
    this.basic = secret ? [`Authorization: Basic ${Buffer.from(pair).toString('base64')}`] : [];
    this.requests = 0;
  }

  async send(...what) {
    this.requests += 1;
    return this.wire.send(...what);
  }

  /** As a signed-in browser, from the authorization endpoint to the client's door: the code. */
  async authorize({ verifier, state, nonce }) {
    const { client, endpoints, origin } = this.order;
    const asked = new URLSearchParams({
      response_type: 'code', client_id: client.id, redirect_uri: client.redirect_uri, scope: client.scope, state, nonce,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
    });
    let path = `${endpoints.authorization}?${asked}`;
    for (let hop = 0; hop < REDIRECTS; hop += 1) {
      const answer = await this.send('GET', path, this.jar.header());
      this.jar.keep(answer.cookies);
      expect(answer.status === 302 || answer.status === 303, 'no redirect from the authorization endpoint', answer);
      const place = new URL(answer.headers.get('location'), origin);
      if (place.origin === origin) {
        path = place.pathname + place.search;
        continue;
      }
      expect(place.href.startsWith(client.redirect_uri), `sent to ${place.href}`);
      expect(place.searchParams.get('state') === state, `another state: ${place.href}`);
      expect(place.searchParams.get('code'), `no code: ${place.href}`);
      return place.searchParams.get('code');
    }
    throw new Error('redirected without end');
  }

  async token(form) {
    const { client, endpoints } = this.order;
    const asked = new URLSearchParams(this.basic.length ? form : { ...form, client_id: client.id });
    const answer = await this.send('POST', endpoints.token, this.basic, asked.toString());
    expect(answer.status === 200, 'no token', answer);
    const given = JSON.parse(answer.body);
    expect(given.access_token && given.id_token, 'a token is missing', answer);
    expect(part(given.id_token, 0).alg === client.alg, `an ID token that is not ${client.alg}`, answer);
    return given;
  }

  async userinfo(accessToken, subject) {
    const bearer = [`Authorization: Bearer ${accessToken}`];
    const answer = await this.send('GET', this.order.endpoints.userinfo, bearer);
    expect(answer.status === 200, 'no userinfo', answer);
    expect(JSON.parse(answer.body).sub === subject, 'userinfo of somebody else', answer);
  }

  async flow() {
    const verifier = random(32);
    const nonce = random(16);
    const code = await this.authorize({ verifier, state: random(16), nonce });
    const given = await this.token({
      grant_type: 'authorization_code', code, redirect_uri: this.order.client.redirect_uri, code_verifier: verifier,
    });
    const claims = part(given.id_token, 1);
    expect(claims.nonce === nonce, 'another nonce');
    await this.userinfo(given.access_token, claims.sub);
    this.given = given;
    this.subject = claims.sub;
  }

  async refresh() {
    const given = await this.token({ grant_type: 'refresh_token', refresh_token: this.given.refresh_token });
    expect(part(given.id_token, 1).sub === this.subject, 'the token of somebody else');
    this.given = { ...this.given, ...given };
  }

  async get() {
    const answer = await this.send('GET', this.order.path, []);
    expect(answer.status === 200 && answer.body, 'no answer', answer);
    this.length ??= answer.body.length;
    expect(answer.body.length === this.length, 'an answer of another length', answer);
  }

  async prepare() {
    if (this.order.what === 'get') return;
    await this.flow();
    if (this.order.what === 'refresh') expect(this.given.refresh_token, 'the client was given no refresh token');
  }

  async once() {
    if (this.order.what === 'flow') await this.flow();
    else if (this.order.what === 'refresh') await this.refresh();
    else if (this.order.what === 'userinfo') await this.userinfo(this.given.access_token, this.subject);
    else await this.get();
  }
}

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const now = () => performance.now();
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function run(order) {
  const actors = Array.from({ length: order.connections }, () => new Actor(order));
  const took = [];
  const faults = new Map();
  let stop = false;
  let counting = false;
  let failed = 0;

  const loop = async (actor) => {
    while (!stop) {
      const began = now();
      try {
        await actor.once();
        if (counting && took.push(now() - began) >= order.most) stop = true;
      } catch (fault) {
        failed += 1;
        faults.set(fault.message, (faults.get(fault.message) ?? 0) + 1);
        if (failed >= 50) stop = true;
      }
    }
  };

  try {
    await Promise.all(actors.map((actor) => actor.prepare()));
  } catch (fault) {
    for (const actor of actors) actor.wire.close();
    say({ event: 'failed', why: fault.message });
    return;
  }
  const loops = actors.map(loop);
  await sleep(order.warm * 1000);
  const sent = () => actors.reduce((sum, actor) => sum + actor.requests, 0);
  const before = { at: now(), sent: sent(), cpu: process.cpuUsage() };
  counting = true;
  say({ event: 'begin' });
  while (!stop && now() - before.at < order.seconds * 1000) await sleep(20);
  counting = false;
  stop = true;
  const seconds = (now() - before.at) / 1000;
  const cpu = process.cpuUsage(before.cpu);
  took.sort((one, other) => one - other);
  say({
    event: 'end',
    done: took.length,
    seconds,
    requests: sent() - before.sent,
    failed,
    faults: [...faults].slice(0, 5),
    reopened: actors.reduce((sum, actor) => sum + actor.wire.opened - 1, 0),
    middle_ms: took[Math.floor(took.length / 2)] ?? 0,
    slow_ms: took[Math.floor(took.length * 0.99)] ?? 0,
    load_cpu: (cpu.user + cpu.system) / 1e6,
  });
  await Promise.all(loops);
  for (const actor of actors) actor.wire.close();
}

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
await run(JSON.parse(Buffer.concat(chunks).toString('utf8')));
