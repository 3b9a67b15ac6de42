//! Schedules, by the local clock.

use serde_json::{Value, json};
use shared::clock::{Clock, Timestamp};
use tokio::sync::Mutex;

use crate::{
    account::{ACCOUNT, REGION},
    cloud::Cloud,
    template::ScheduleSource,
};

/// One schedule of one function.
#[derive(Debug)]
pub(crate) struct Timer {
    function: String,
    source: ScheduleSource,
    /// Held during the invocation, so that waiting for due schedules includes it.
    next: Mutex<Option<Timestamp>>,
}

impl Timer {
    /// A timer that first fires at the schedule's next time after `now`.
    pub(crate) fn new(function: &str, source: ScheduleSource, now: Timestamp) -> Self {
        let next = source.schedule.next(now);
        Self { function: function.to_owned(), source, next: Mutex::new(next) }
    }

    /// Invokes the function if the schedule is due. Returns whether it was. A jump of the clock over several times
    /// fires once.
    pub(crate) async fn fire_if_due(&self, cloud: &Cloud) -> bool {
        let mut next = self.next.lock().await;
        let now = cloud.clock().now();
        let Some(due) = next.filter(|due| *due <= now) else { return false };
        *next = self.source.schedule.next(now);
        let event = self.source.input.clone().unwrap_or_else(|| scheduled_event(&cloud.aws().request_id(), due));
        // Lambda waits minutes before a retry, but here a developer waits.
        let retries = cloud.function(&self.function).map_or(0, |function| function.async_retries);
        for _ in 0..=retries {
            match cloud.invoke(&self.function, event.clone()).await {
                Ok(_) => break,
                Err(problem) => tracing::warn!(function = self.function, problem, "a scheduled invocation failed"),
            }
        }
        true
    }
}

/// EventBridge's event for `time`.
pub(crate) fn scheduled_event(id: &str, time: Timestamp) -> Value {
    json!({
        "version": "0", "id": id, "detail-type": "Scheduled Event", "source": "aws.events", "account": ACCOUNT,
        "time": time.rfc3339(), "region": REGION, "resources": [], "detail": {},
    })
}
