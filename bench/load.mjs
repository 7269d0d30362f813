// The load: so many connections that stay open, each doing one thing after another and checking every answer.
//
//   node load.mjs < order.json        ->  {"event": "begin"} and {"event": "end", ...} on standard output

import { createHash, randomBytes } from 'node:crypto';
import { Member } from './member.mjs';
import { Jar, Wire, expect } from './wire.mjs';

const REDIRECTS = 6;

const random = (bytes) => randomBytes(bytes).toString('base64url');
const part = (token, index) => JSON.parse(Buffer.from(token.split('.')[index], 'base64url').toString('utf8'));

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

/** What this share of them took at the most. */
function at(times, share) {
  times.sort((one, other) => one - other);
  return times[Math.floor(times.length * share)] ?? 0;
}

async function run(order) {
  const Who = order.what === 'sign-in' ? Member : Actor;
  const actors = Array.from({ length: order.connections }, () => new Who(order));
  const took = [];
  const away = []; // sign-ins that a busy server refused, as it should
  const faults = new Map();
  let stop = false;
  let counting = false;
  let failed = 0;
  process.on('SIGTERM', () => { stop = true; }); // who asks for that wants the figures up to here

  const loop = async (actor) => {
    while (!stop) {
      const began = now();
      try {
        const turned = await actor.once();
        const spent = now() - began;
        if (counting && turned === 'away') away.push(spent);
        else if (counting && took.push(spent) >= order.most) stop = true;
      } catch (fault) {
        failed += 1;
        faults.set(fault.message, (faults.get(fault.message) ?? 0) + 1);
        if (failed >= 50) stop = true;
      }
      if (order.pause) await sleep(order.pause);
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
  say({
    event: 'end',
    done: took.length,
    seconds,
    requests: sent() - before.sent,
    failed,
    faults: [...faults].slice(0, 5),
    reopened: actors.reduce((sum, actor) => sum + actor.wire.opened - 1, 0),
    middle_ms: at(took, 0.5),
    slower_ms: at(took, 0.95),
    slow_ms: at(took, 0.99),
    away: away.length,
    away_middle_ms: at(away, 0.5),
    away_slow_ms: at(away, 0.99),
    load_cpu: (cpu.user + cpu.system) / 1e6,
  });
  await Promise.all(loops);
  for (const actor of actors) actor.wire.close();
}

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
await run(JSON.parse(Buffer.concat(chunks).toString('utf8')));
