// HTTP/1.1 on bare sockets, because Node's own client would become the slower end of the wire; and a jar for cookies.

import { connect } from 'node:net';

const SEPARATOR = Buffer.from('\r\n\r\n');
const PATIENCE = 20_000; // milliseconds for one answer

/** One open connection: a request, then its answer, never two at a time. */
export class Wire {
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
export class Jar {
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

/** One wrong answer ends the benchmark: this says which. */
export function expect(ok, what, answer) {
  if (!ok) throw new Error(`${what}${answer ? ` (${answer.status} ${answer.body.slice(0, 200)})` : ''}`);
}
