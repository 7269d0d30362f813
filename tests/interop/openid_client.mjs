// A relying party made of openid-client, told what to do line by line: a wish as JSON comes in, its answer goes out.
// It decides nothing and checks nothing itself: every check is the library's.
import { createInterface } from "node:readline";

import * as oidc from "openid-client";

const parties = [];
const begun = new Map();

const proofs = {
  none: () => oidc.None(),
  client_secret_basic: ({ secret }) => oidc.ClientSecretBasic(secret),
  client_secret_post: ({ secret }) => oidc.ClientSecretPost(secret),
  private_key_jwt: async ({ jwk }) => {
    const algorithm = { name: "ECDSA", namedCurve: "P-256" };
    const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]);
    return oidc.PrivateKeyJwt({ key, kid: jwk.kid });
  },
};

const verbs = {
  async discover({ issuer, client_id, method, metadata = {}, ...proof }) {
    const proves = await proofs[method](proof);
    // The demo answers on plain http, and on localhost alone.
    const options = { execute: [oidc.allowInsecureRequests] };
    const party = await oidc.discovery(new URL(issuer), client_id, metadata, proves, options);
    return { party: parties.push(party) - 1, server: party.serverMetadata() };
  },

  async begin({ party, max_age, ...parameters }) {
    const verifier = oidc.randomPKCECodeVerifier();
    const checks = { pkceCodeVerifier: verifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
    const url = oidc.buildAuthorizationUrl(parties[party], {
      ...parameters,
      ...(max_age === undefined ? {} : { max_age: String(max_age) }),
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    begun.set(checks.expectedState, { ...checks, ...(max_age === undefined ? {} : { maxAge: max_age }) });
    return { url: url.href, state: checks.expectedState };
  },

  async finish({ party, state, url, resource }) {
    const more = resource === undefined ? {} : { resource };
    return told(await oidc.authorizationCodeGrant(parties[party], new URL(url), begun.get(state), more));
  },

  async refresh({ party, refresh_token, ...parameters }) {
    return told(await oidc.refreshTokenGrant(parties[party], refresh_token, parameters));
  },

  userinfo: ({ party, access_token, sub }) => oidc.fetchUserInfo(parties[party], access_token, sub),

  introspect: ({ party, token }) => oidc.tokenIntrospection(parties[party], token),

  revoke: async ({ party, token }) => (await oidc.tokenRevocation(parties[party], token)) ?? {},

  end_session: ({ party, ...parameters }) => ({ url: oidc.buildEndSessionUrl(parties[party], parameters).href }),
};

function told(tokens) {
  return { ...tokens, claims: tokens.claims() ?? null };
}

function fault(wrong) {
  const cause = wrong.cause instanceof Error ? wrong.cause.message : undefined;
  return {
    kind: wrong.name,
    error: wrong.error,
    description: wrong.error_description,
    status: wrong.status ?? (Array.isArray(wrong.cause) ? wrong.response?.status : undefined),
    says: [wrong.message, cause].filter(Boolean).join(": "),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { verb, ...wish } = JSON.parse(line);
  let answer;
  try {
    answer = { done: await verbs[verb](wish) };
  } catch (wrong) {
    answer = { wrong: fault(wrong) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
