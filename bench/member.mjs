// People who sign in by the page, each in a browser that was never here before.

import { createHmac } from 'node:crypto';
import { Jar, Wire, expect } from './wire.mjs';

const FIELDS = /<input[^>]*\bname="csrf_token"[^>]*>/;
const VALUE = /\bvalue="([^"]*)"/;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const STEP = 30; // seconds that a code is good for

/** The code that an app shows in this step (RFC 6238). */
export function codeOf(secret, step) {
  const bits = [...secret].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', key).update(counter).digest();
  const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/** One connection, by which one member after another signs in. All connections take from one line of members. */
export class Member {
  constructor(order) {
    this.order = order;
    this.wire = new Wire(order.port, order.host);
    this.origin = [`Origin: ${order.origin}`, 'Sec-Fetch-Site: same-origin'];
    this.requests = 0;
  }

  async send(method, path, jar, form) {
    this.requests += 1;
    const headers = [...jar.header(), ...(form ? this.origin : [])];
    const answer = await this.wire.send(method, path, headers, form ? new URLSearchParams(form).toString() : '');
    jar.keep(answer.cookies);
    return answer;
  }

  /** The form of a page as a browser has it that is new here. */
  async open(path, jar) {
    const answer = await this.send('GET', path, jar);
    const token = answer.body.match(FIELDS)?.[0].match(VALUE)?.[1];
    expect(answer.status === 200 && token, `no form at ${path}`, answer);
    return token;
  }

  async prepare() {
    if (this.order.steps !== 'post') return;
    this.jar = new Jar();
    this.token = await this.open('/login', this.jar);
  }

  /** Sign the next member in; 'away' if the server was busy and said so. */
  async once() {
    const { members, steps } = this.order;
    const member = members.shift();
    members.push(member);
    // With the form alone nothing of an earlier sign-in is brought along: each is of a browser that is new.
    const jar = steps === 'post' ? new Jar(Object.fromEntries(this.jar.kept)) : new Jar();
    const token = steps === 'post' ? this.token : await this.open('/login', jar);
    const answer = await this.send('POST', '/login', jar, {
      csrf_token: token, username: member.username, password: this.order.password, request: '', next: '',
    });
    if (answer.status === 503) {
      expect(Number(answer.headers.get('retry-after')) > 0, 'busy, and no word on when to come again', answer);
      return 'away';
    }
    expect(answer.status === 303, `${member.username} could not sign in`, answer);
    if (steps === 'all') await this.secondStep(member, jar, answer.headers.get('location'));
    else expect(jar.kept.has('idp_session'), `${member.username} has no session`, answer);
    return 'in';
  }

  async secondStep(member, jar, place) {
    const token = await this.open(place, jar);
    // A code is good once, and one step early or late: by that, a member can come again before a step is over.
    const today = Math.floor(Date.now() / 1000 / STEP);
    const step = Math.max(today - 1, (member.step ?? 0) + 1);
    expect(step <= today + 1, 'there are too few members with an app for so fast a server');
    member.step = step;
    const answer = await this.send('POST', place, jar, {
      csrf_token: token, code: codeOf(member.totp_secret, step), request: '', next: '',
    });
    expect(answer.status === 303 && jar.kept.has('idp_session'), `${member.username}'s code was refused`, answer);
  }
}
