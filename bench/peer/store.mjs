// oidc-provider's models in SQLite, as durable as Guidon's own: WAL, and every write on the disk before it is answered.

import Database from 'better-sqlite3';

const now = () => Math.floor(Date.now() / 1000);

/** The adapter class for one database file. Every model is a row of one table, found by its key or its family. */
export function sqliteAdapter(file) {
  const db = new Database(file);
  for (const pragma of ['journal_mode=WAL', 'synchronous=FULL', 'busy_timeout=5000']) db.pragma(pragma);
  db.exec(`
    CREATE TABLE IF NOT EXISTS model (
      key TEXT PRIMARY KEY,
      payload TEXT NOT NULL,
      grant_id TEXT,
      user_code TEXT,
      uid TEXT,
      expires_at INTEGER,
      consumed_at INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS model_grant ON model (grant_id) WHERE grant_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS model_user_code ON model (user_code) WHERE user_code IS NOT NULL;
    CREATE INDEX IF NOT EXISTS model_uid ON model (uid) WHERE uid IS NOT NULL;
  `);
  const put = db.prepare(`
    INSERT INTO model (key, payload, grant_id, user_code, uid, expires_at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
      payload = excluded.payload, grant_id = excluded.grant_id, user_code = excluded.user_code,
      uid = excluded.uid, expires_at = excluded.expires_at
  `);
  const byKey = db.prepare('SELECT payload, expires_at, consumed_at FROM model WHERE key = ?');
  const byUid = db.prepare('SELECT payload, expires_at, consumed_at FROM model WHERE uid = ?');
  const byUserCode = db.prepare('SELECT payload, expires_at, consumed_at FROM model WHERE user_code = ?');
  const spend = db.prepare('UPDATE model SET consumed_at = ? WHERE key = ?');
  const drop = db.prepare('DELETE FROM model WHERE key = ?');
  const dropFamily = db.prepare('DELETE FROM model WHERE grant_id = ?');

  const read = (row) => {
    if (!row || (row.expires_at !== null && row.expires_at < now())) return undefined;
    const payload = JSON.parse(row.payload);
    return row.consumed_at === null ? payload : { ...payload, consumed: row.consumed_at };
  };

  return class SqliteAdapter {
    constructor(model) {
      this.model = model;
    }

    key(id) {
      return `${this.model}:${id}`;
    }

    async upsert(id, payload, expiresIn) {
      // A session is looked up by its uid; a grant's own id is its key, so only what hangs from it carries one.
      const uid = this.model === 'Session' ? payload.uid : null;
      const expiresAt = expiresIn ? now() + expiresIn : null;
      put.run(this.key(id), JSON.stringify(payload), payload.grantId ?? null, payload.userCode ?? null, uid, expiresAt);
    }

    async find(id) {
      return read(byKey.get(this.key(id)));
    }

    async findByUid(uid) {
      return read(byUid.get(uid));
    }

    async findByUserCode(userCode) {
      return read(byUserCode.get(userCode));
    }

    async consume(id) {
      spend.run(now(), this.key(id));
    }

    async destroy(id) {
      drop.run(this.key(id));
    }

    async revokeByGrantId(grantId) {
      dropFamily.run(grantId);
    }
  };
}
