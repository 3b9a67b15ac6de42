//! The tables by their logical names, and the names that a deployment gave them.

/// A table, by its logical name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Accounts with their factors and passkeys, and the reservations of addresses, usernames and credentials.
    Accounts,
    /// Sessions and devices.
    Sessions,
    /// Single-use proofs.
    Challenges,
    Audit,
    /// Rate limits and lockouts.
    Counters,
    /// Mails to send.
    Outbox,
    /// Wrapped purpose keys.
    Keyring,
    /// One salt per user.
    UserKeys,
    /// OAuth clients.
    Clients,
}

impl Table {
    pub const ALL: [Self; 9] = [
        Self::Accounts,
        Self::Sessions,
        Self::Challenges,
        Self::Audit,
        Self::Counters,
        Self::Outbox,
        Self::Keyring,
        Self::UserKeys,
        Self::Clients,
    ];

    /// The logical name, which encrypted fields are bound to.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Sessions => "sessions",
            Self::Challenges => "challenges",
            Self::Audit => "audit",
            Self::Counters => "counters",
            Self::Outbox => "outbox",
            Self::Keyring => "keyring",
            Self::UserKeys => "user-keys",
            Self::Clients => "clients",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Tables {
    /// `TABLE_ACCOUNTS`
    pub accounts: String,
    /// `TABLE_SESSIONS`
    pub sessions: String,
    /// `TABLE_CHALLENGES`
    pub challenges: String,
    /// `TABLE_AUDIT`
    pub audit: String,
    /// `TABLE_COUNTERS`
    pub counters: String,
    /// `TABLE_OUTBOX`
    pub outbox: String,
    /// `TABLE_KEYRING`
    pub keyring: String,
    /// `TABLE_USER_KEYS`
    pub user_keys: String,
    /// `TABLE_CLIENTS`
    pub clients: String,
}

impl Tables {
    pub fn name(&self, table: Table) -> &str {
        match table {
            Table::Accounts => &self.accounts,
            Table::Sessions => &self.sessions,
            Table::Challenges => &self.challenges,
            Table::Audit => &self.audit,
            Table::Counters => &self.counters,
            Table::Outbox => &self.outbox,
            Table::Keyring => &self.keyring,
            Table::UserKeys => &self.user_keys,
            Table::Clients => &self.clients,
        }
    }
}
