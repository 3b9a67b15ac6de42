//! Pages of a user's sessions and devices. Their number is bounded, but ended ones stay for a while, so no list reads all.

use crate::{
    domain::ids::UserId,
    error::Error,
    store::{
        Item, Store, Table,
        dynamodb::{keys::Key, update::UserItems},
    },
};

/// The most items that one page reads after its first attempt.
const READ_AT_ONCE: usize = 100;

/// The most reads for one page. A page with few entries may follow many ended ones.
const MAX_READS: usize = 6;

/// A page of a list, and the key that the next page starts after.
#[derive(Debug)]
pub struct Page<T> {
    pub entries: Vec<T>,
    /// The key within the list. `None` after the last page.
    pub next: Option<String>,
}

/// What a page of a list has.
pub(super) struct PageOf<'a, T> {
    pub(super) user_id: &'a UserId,
    /// The prefix of the sort keys.
    pub(super) prefix: &'a str,
    pub(super) after: Option<Key>,
    pub(super) limit: usize,
    pub(super) parse: fn(&UserId, &Item) -> Result<T, Error>,
    /// The key of an entry within the list.
    pub(super) key: fn(&T) -> String,
}

impl Store {
    /// Reads a page of those entries that `keep` accepts.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(super) async fn page<T>(&self, page: PageOf<'_, T>, keep: impl Fn(&T) -> bool) -> Result<Page<T>, Error> {
        let mut query = UserItems::new(Table::Sessions, page.user_id, page.prefix).after(page.after.as_ref());
        // One more tells whether there is a next page.
        query.read_at_most(page.limit + 1);
        let mut entries = Vec::new();
        let mut last_read = None;
        for _ in 0..MAX_READS {
            let Some(items) = self.next_page(&mut query).await? else {
                return Ok(Page { entries, next: None });
            };
            query.read_at_most(READ_AT_ONCE);
            for item in &items {
                let entry = (page.parse)(page.user_id, item)?;
                let key = (page.key)(&entry);
                if keep(&entry) {
                    if entries.len() == page.limit {
                        return Ok(Page { next: entries.last().map(page.key), entries });
                    }
                    entries.push(entry);
                }
                last_read = Some(key);
            }
        }
        Ok(Page { entries, next: last_read })
    }

    /// Reads a part of a user's items with a prefix, at most `most` of them, strongly consistent.
    ///
    /// # Errors
    /// `temporarily_unavailable`.
    pub(super) async fn read_states<T>(
        &self,
        mut query: UserItems<'_>,
        most: usize,
        parse: fn(&Item) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut states = Vec::new();
        while states.len() < most {
            query.read_at_most(most - states.len());
            let Some(items) = self.next_page(&mut query).await? else { break };
            for item in &items {
                states.push(parse(item)?);
            }
        }
        Ok(states)
    }
}
