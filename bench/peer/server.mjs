// The peer: npm's oidc-provider, set up as near to Guidon as its options go.
//
//   node server.mjs '{"port": 4000, "store": "memory" | "/path/file.db", "clients": [...]}'
//
// Sign-in and consent are one step that asks nothing: what is measured begins with a browser that is signed in already.

import { generateKeyPairSync, randomBytes } from 'node:crypto';

import Provider from 'oidc-provider';

const { port, store, clients } = JSON.parse(process.argv[2]);
const issuer = `http://localhost:${port}`;
const ACCOUNT = randomBytes(16).toString('hex');
const HOUR = 3600;

const key = (alg, kind, options) => ({
  ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: alg.toLowerCase(),
});

const provider = new Provider(issuer, {
  adapter: store === 'memory' ? undefined : (await import('./store.mjs')).sqliteAdapter(store),
  clients,
  jwks: {
    keys: [key('RS256', 'rsa', { modulusLength: 2048 }), key('ES256', 'ec', { namedCurve: 'P-256' })],
  },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  pkce: { required: () => true },
  scopes: ['openid', 'offline_access', 'profile', 'email'],
  claims: { openid: ['sub'], profile: ['name', 'given_name', 'family_name'], email: ['email', 'email_verified'] },
  // One client refreshes without the consent page that offline_access stands for here; what a refresh costs is the same.
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: async (_ctx, id) => ({
    accountId: id,
    claims: async () => ({
      sub: id, name: 'Ada Bench', given_name: 'Ada', family_name: 'Bench', email: 'ada@example.org', email_verified: true,
    }),
  }),
  ttl: {
    AccessToken: 5 * 60, AuthorizationCode: 60, Grant: 14 * 24 * HOUR, IdToken: 5 * 60, Interaction: HOUR,
    RefreshToken: 30 * 24 * HOUR, Session: 12 * HOUR,
  },
});

provider.use(async (ctx, next) => {
  if (ctx.path === '/healthz') {
    ctx.body = 'ok';
    return;
  }
  if (ctx.path.startsWith('/interaction/')) {
    const { params } = await provider.interactionDetails(ctx.req, ctx.res);
    const grant = new provider.Grant({ accountId: ACCOUNT, clientId: params.client_id });
    grant.addOIDCScope('openid profile email offline_access');
    const result = { login: { accountId: ACCOUNT }, consent: { grantId: await grant.save() } };
    await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
    return;
  }
  await next();
});

for (const fault of ['server_error', 'grant.error', 'authorization.error', 'userinfo.error']) {
  provider.on(fault, (_ctx, error) => console.error(fault, error));
}

const server = provider.listen(port, '127.0.0.1', () => console.log('ready'));
server.keepAliveTimeout = 60_000;
process.on('SIGTERM', () => process.exit(0));
