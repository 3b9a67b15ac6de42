//! Former e-mail addresses of an account. Each is reserved while the link that undoes its change is good.

use crate::clock::Timestamp;

/// The most changes of an account that can be undone at one time.
const MAX_OPEN: usize = 5;

/// An address that a change replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerAddress {
    /// The lookup hash of the address.
    pub email_hash: String,
    /// The change can be undone until this time.
    pub until: Timestamp,
    /// The challenge of the link that undoes the change.
    pub undo: String,
}

/// The former addresses of an account, the latest last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormerAddresses(Vec<FormerAddress>);

/// What an undo leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The lookup hash of the address that comes back.
    pub email_hash: String,
    /// The changes before it, which can still be undone.
    pub remaining: FormerAddresses,
    /// The lookup hashes of the addresses that later changes brought, without the current one.
    pub later: Vec<String>,
}

impl FormerAddresses {
    /// Those that can still come back.
    #[must_use]
    pub fn open(&self, now: Timestamp) -> Self {
        Self(self.0.iter().filter(|former| now < former.until).cloned().collect())
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no other change is possible before one of these can no longer be undone.
    pub const fn is_full(&self) -> bool {
        self.0.len() >= MAX_OPEN
    }

    /// Adds the address that a change replaces.
    #[must_use]
    pub fn with(&self, former: FormerAddress) -> Self {
        Self(self.0.iter().cloned().chain([former]).collect())
    }

    /// The time until which an address is reserved. `None` if it is not among them.
    pub fn reserved_until(&self, email_hash: &str) -> Option<Timestamp> {
        self.0.iter().find(|former| former.email_hash == email_hash).map(|former| former.until)
    }

    /// Undoes the change with this link, and all later ones. `None` if it can no longer be undone.
    pub fn undo(&self, challenge: &str) -> Option<Undone> {
        self.return_to(|former| former.undo == challenge)
    }

    /// As [`FormerAddresses::undo`], if the account gets one of the addresses back by a change.
    pub fn undo_to(&self, email_hash: &str) -> Option<Undone> {
        self.return_to(|former| former.email_hash == email_hash)
    }

    fn return_to(&self, is_meant: impl Fn(&FormerAddress) -> bool) -> Option<Undone> {
        let at = self.0.iter().position(is_meant)?;
        let later = self.0[at + 1..].iter().map(|former| former.email_hash.clone());
        Some(Undone {
            email_hash: self.0[at].email_hash.clone(),
            remaining: Self(self.0[..at].to_vec()),
            later: later.collect(),
        })
    }

    /// The stored form: `hash milliseconds challenge` for each.
    pub fn to_texts(&self) -> Vec<String> {
        let text = |former: &FormerAddress| format!("{} {} {}", former.email_hash, former.until.millis(), former.undo);
        self.0.iter().map(text).collect()
    }

    /// Reads the stored form. `None` if it is malformed.
    pub fn parse(texts: &[String]) -> Option<Self> {
        let parse = |text: &String| {
            let mut parts = text.split(' ').map(str::to_owned);
            let (email_hash, until, undo) = (parts.next()?, parts.next()?, parts.next()?);
            Some(FormerAddress { email_hash, until: Timestamp::from_millis(until.parse().ok()?), undo })
        };
        texts.iter().map(parse).collect::<Option<Vec<_>>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn former(email_hash: &str, until: i64, undo: &str) -> FormerAddress {
        FormerAddress {
            email_hash: email_hash.to_owned(),
            until: Timestamp::from_seconds(until),
            undo: undo.to_owned(),
        }
    }

    #[test]
    fn an_undo_takes_the_later_changes_with_it_and_leaves_the_earlier_ones() {
        let changes = ["a", "b", "c"]
            .iter()
            .zip(1..)
            .fold(FormerAddresses::default(), |all, (hash, n)| all.with(former(hash, n * 100, &format!("u{n}"))));
        let undone = changes.undo("u2").unwrap();
        assert_eq!((undone.email_hash.as_str(), undone.later), ("b", vec!["c".to_owned()]));
        assert_eq!(undone.remaining, FormerAddresses(vec![former("a", 100, "u1")]));
        assert_eq!(changes.undo_to("b"), changes.undo("u2"));
        assert_eq!((changes.undo("u4"), changes.undo_to("d")), (None, None));
        assert_eq!(changes.open(Timestamp::from_seconds(100)).undo("u1"), None);
        assert_eq!(FormerAddresses::parse(&changes.to_texts()), Some(changes));
        assert_eq!(FormerAddresses::parse(&["x".to_owned()]), None);
    }

    #[test]
    fn an_account_has_at_most_five_former_addresses() {
        let changes = FormerAddresses::default().with(former("a", 100, "u1")).with(former("c", 300, "u2"));
        assert_eq!(changes.reserved_until("a"), Some(Timestamp::from_seconds(100)));
        assert_eq!(changes.reserved_until("b"), None);
        let full = (0..3).fold(changes.clone(), |all, n| all.with(former("b", 100, &format!("v{n}"))));
        assert!(full.is_full() && !changes.is_full());
    }
}
