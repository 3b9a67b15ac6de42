//! Invocations without a client: table streams and schedules.

mod checkpoints;
mod dead_letters;
mod stream_poller;
mod timer;

use std::sync::Arc;

use futures::future::join_all;
use shared::clock::{Clock, Timestamp};

pub(crate) use checkpoints::Checkpoints;
pub use dead_letters::DeadLetter;
use dead_letters::DeadLetters;
use stream_poller::StreamPoller;
use timer::Timer;
pub(crate) use timer::scheduled_event;

use crate::{cloud::Cloud, template::Stack};

/// The streams and schedules of a stack.
#[derive(Debug)]
pub(crate) struct Triggers {
    pollers: Vec<StreamPoller>,
    timers: Vec<Timer>,
    dead_letters: Arc<DeadLetters>,
}

impl Triggers {
    /// The triggers of a stack. Schedules count from `now`.
    ///
    /// # Errors
    ///
    /// If a function reads a stream that no table has.
    pub(crate) fn new(stack: &Stack, checkpoints: Checkpoints, now: Timestamp) -> Result<Self, String> {
        let (checkpoints, dead_letters) = (Arc::new(checkpoints), Arc::new(DeadLetters::default()));
        let (mut pollers, mut timers) = (Vec::new(), Vec::new());
        for function in stack.functions.values() {
            for source in &function.streams {
                let table = stack.tables.iter().find(|table| table.stream_arn.as_ref() == Some(&source.stream_arn));
                let table = table
                    .ok_or_else(|| format!("{}: {} is no table's stream", function.logical_id, source.stream_arn))?;
                pollers.push(StreamPoller {
                    function: function.name.clone(),
                    source: source.clone(),
                    table: table.physical.clone(),
                    checkpoints: Arc::clone(&checkpoints),
                    dead_letters: Arc::clone(&dead_letters),
                    partition_key: table.partition_key.clone(),
                    lanes: tokio::sync::Mutex::default(),
                    next_retry: std::sync::Mutex::default(),
                });
            }
            timers.extend(function.schedules.iter().map(|source| Timer::new(&function.name, source.clone(), now)));
        }
        Ok(Self { pollers, timers, dead_letters })
    }

    pub(crate) fn pollers(&self) -> &[StreamPoller] {
        &self.pollers
    }

    /// Invokes the functions of due schedules. Returns whether there were any.
    pub(crate) async fn fire_due(&self, cloud: &Cloud) -> bool {
        join_all(self.timers.iter().map(|timer| timer.fire_if_due(cloud))).await.contains(&true)
    }

    /// Waits until no schedule is due and no stream record is undelivered, with all that these invocations cause. A record
    /// that its function refuses is retried as often as the template says. If only retries are left, the clock moves to the next.
    pub(crate) async fn settle(&self, cloud: &Cloud) {
        loop {
            let fired = self.fire_due(cloud).await;
            let invoked: usize = join_all(self.pollers.iter().map(|poller| poller.poll(cloud))).await.iter().sum();
            if fired || invoked > 0 {
                continue;
            }
            let Some(due) = self.pollers.iter().filter_map(StreamPoller::next_retry).min() else { return };
            let wait = due.millis() - cloud.clock().now().millis();
            cloud.clock().advance_millis(wait.max(0));
        }
    }

    pub(crate) fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead_letters.all()
    }
}
