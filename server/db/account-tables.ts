/**
 * People, what they may do and how they sign in, as the code sees it. Truths are
 * 0 and 1, keys are what is compared: lower case, one form of each letter.
 */
export interface AccountTables {
  users: UsersTable;
  levels: LevelsTable;
  user_levels: UserLevelsTable;
  user_overrides: UserOverridesTable;
  sessions: SessionsTable;
  api_keys: ApiKeysTable;
  login_attempts: LoginAttemptsTable;
  config_owners: ConfigOwnersTable;
}

/** People. */
export interface UsersTable {
  id: string;
  username: string;
  username_key: string;
  email: string;
  email_key: string;
  display_name: string | null;
  /** Where the user signs in: `password` here, later the name of an identity provider. */
  auth_source: string;
  /** PHC form; null until an invitation was accepted, and for those who sign in elsewhere. */
  password_hash: string | null;
  is_active: number;
  /** SHA-256 of the token of an open invitation. */
  invite_hash: string | null;
  invite_expires_at: number | null;
  created_at: number;
  last_login_at: number | null;
}

/** Levels beside the built-in ones; `grants` is JSON. */
export interface LevelsTable {
  id: string;
  name: string;
  name_key: string;
  description: string;
  priority: number;
  grants: string;
  created_at: number;
}

/** Who holds which level; the id is a built-in one's or a row's of `levels`. */
export interface UserLevelsTable {
  user_id: string;
  level_id: string;
}

/** Permissions given to (1) or taken from (0) one user. */
export interface UserOverridesTable {
  user_id: string;
  permission: string;
  granted: number;
}

/** Sign-ins; the token itself is only in the browser. */
export interface SessionsTable {
  id: string;
  token_hash: string;
  user_id: string;
  created_at: number;
  last_seen_at: number;
  /** Without a sign of life until then it is over; moves on while it is used. */
  expires_at: number;
  /** Whatever happens, it is over then. */
  ends_at: number;
  /** How long it lives without a sign of life. */
  idle_ms: number;
  address: string;
  user_agent: string;
}

/** Keys of programs; `scopes` is JSON, null for everything its owner may do. */
export interface ApiKeysTable {
  id: string;
  key_hash: string;
  key_prefix: string;
  user_id: string;
  name: string;
  scopes: string | null;
  created_at: number;
  last_used_at: number | null;
  expires_at: number | null;
}

/** Failed attempts to sign in, by the hash of a name or an address. */
export interface LoginAttemptsTable {
  subject: string;
  failures: number;
  last_failed_at: number;
  blocked_until: number;
}

/** Who saved a configuration or a dataset list; what has no row here is everybody's. */
export interface ConfigOwnersTable {
  kind: string;
  name: string;
  user_id: string;
}
