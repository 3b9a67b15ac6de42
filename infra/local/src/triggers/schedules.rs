//! Schedules by the local clock.

use serde_json::{Value, json};
use shared::clock::{Clock, Timestamp};
use tokio::sync::Mutex;

use crate::{
    template::{ACCOUNT, REGION, ScheduleSource},
    world::World,
};

/// One schedule of one function.
#[derive(Debug)]
pub(crate) struct Timer {
    function: String,
    source: ScheduleSource,
    /// Held while the function runs, so that who waits for due schedules waits for it too.
    next: Mutex<Option<Timestamp>>,
}

impl Timer {
    /// A timer that first fires at the schedule's next time after `now`.
    pub(crate) fn new(function: &str, source: ScheduleSource, now: Timestamp) -> Self {
        let next = source.schedule.next(now);
        Self { function: function.to_owned(), source, next: Mutex::new(next) }
    }

    /// Invokes the function if its time has come, and says whether it had. A clock that jumped over several times fires
    /// once, like a machine that was asleep.
    pub(crate) async fn fire_if_due(&self, world: &World) -> bool {
        let mut next = self.next.lock().await;
        let now = world.clock().now();
        let Some(due) = next.filter(|due| *due <= now) else { return false };
        *next = self.source.schedule.next(now);
        let event = self.source.input.clone().unwrap_or_else(|| scheduled_event(&world.aws().request_id(), due));
        // Lambda waits a minute or two before it tries again; here a person waits.
        let retries = world.function(&self.function).map_or(0, |function| function.async_retries);
        for _ in 0..=retries {
            match world.invoke(&self.function, event.clone()).await {
                Ok(_) => break,
                Err(problem) => tracing::warn!(function = self.function, problem, "a scheduled invocation failed"),
            }
        }
        true
    }
}

/// The event that EventBridge sends at `time`.
pub(crate) fn scheduled_event(id: &str, time: Timestamp) -> Value {
    json!({
        "version": "0", "id": id, "detail-type": "Scheduled Event", "source": "aws.events", "account": ACCOUNT,
        "time": time.rfc3339(), "region": REGION, "resources": [], "detail": {},
    })
}
