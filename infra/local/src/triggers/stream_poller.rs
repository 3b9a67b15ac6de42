//! Table streams. A poller delivers records in order, in batches and at least once.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use dynoxide::actions::{get_records::GetRecordsRequest, get_shard_iterator::GetShardIteratorRequest};
use serde_json::{Value, json};
use shared::clock::{Clock, Timestamp};
use tokio::sync::Mutex;

use super::{
    checkpoints::Checkpoints,
    dead_letters::{DeadLetter, DeadLetters},
};
use crate::{account::REGION, cloud::Cloud, template::DynamoDbSource};

/// The first and the longest wait before a retry. Lambda waits longer, but here a developer waits.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(8);

/// The retention of a stream: one day, in seconds.
const STREAM_AGE: i64 = 24 * 60 * 60;

/// Delivers one table's stream to one function.
#[derive(Debug)]
pub(crate) struct StreamPoller {
    pub(super) function: String,
    pub(super) source: DynamoDbSource,
    /// The table's name in DynamoDB.
    pub(super) table: String,
    pub(super) checkpoints: Arc<Checkpoints>,
    pub(super) dead_letters: Arc<DeadLetters>,
    /// Held during a delivery, because invocations keep the order of the stream.
    pub(super) delivering: Mutex<()>,
}

struct Record {
    value: Value,
    sequence_number: String,
    created: Timestamp,
}

impl StreamPoller {
    /// Delivers all waiting records. Returns their number.
    pub(crate) async fn poll(&self, cloud: &Cloud) -> usize {
        let _order = self.delivering.lock().await;
        let name = format!("{} {}", self.function, self.table);
        let mut delivered = 0;
        loop {
            let position = self.checkpoints.get(&name);
            let records = match self.read(cloud, position.as_deref()) {
                Ok(records) => records,
                Err(problem) => {
                    tracing::warn!(table = self.table, problem, "a stream could not be read");
                    return delivered;
                }
            };
            let Some(last) = records.last().map(|record| record.sequence_number.clone()) else { return delivered };
            delivered += records.len();
            let matching: Vec<Record> = records.into_iter().filter(|record| self.matches(record)).collect();
            if !matching.is_empty() {
                self.deliver(cloud, &matching).await;
            }
            self.checkpoints.set(&name, &last);
        }
    }

    fn matches(&self, record: &Record) -> bool {
        let names = &self.source.event_names;
        names.is_empty() || names.iter().any(|name| record.value["eventName"] == name.as_str())
    }

    fn read(&self, cloud: &Cloud, position: Option<&str>) -> Result<Vec<Record>, String> {
        let database = &cloud.aws().database;
        let iterator = database
            .get_shard_iterator(GetShardIteratorRequest {
                stream_arn: dynoxide::streams::stream_arn(&self.table, "local"),
                shard_id: dynoxide::streams::shard_id(&self.table),
                shard_iterator_type: if position.is_some() { "AFTER_SEQUENCE_NUMBER" } else { "TRIM_HORIZON" }
                    .to_owned(),
                sequence_number: position.map(str::to_owned),
            })
            .map_err(|problem| problem.to_string())?
            .shard_iterator
            .ok_or("no iterator")?;
        let limit = Some(self.source.batch_size.min(1000));
        let answer = database
            .get_records(GetRecordsRequest { shard_iterator: iterator, limit })
            .map_err(|problem| problem.to_string())?;
        // A database on disk writes the machine's time. Without this, a moved local clock would make new records look
        // old.
        let ahead = cloud.seconds_ahead_of_database();
        let own = |record| {
            let mut value = serde_json::to_value(record).map_err(|problem| problem.to_string())?;
            value["awsRegion"] = json!(REGION);
            value["eventSourceARN"] = json!(self.source.stream_arn);
            let sequence_number = value["dynamodb"]["SequenceNumber"].as_str().ok_or("no number")?.to_owned();
            let created = value["dynamodb"]["ApproximateCreationDateTime"].as_f64().unwrap_or_default();
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds of a date")]
            let created = Timestamp::from_seconds(created as i64).plus_seconds(ahead);
            value["dynamodb"]["ApproximateCreationDateTime"] = json!(created.seconds());
            Ok(Record { value, sequence_number, created })
        };
        answer.records.into_iter().map(own).collect()
    }

    /// Delivers a batch until the function accepts it or the records are given up.
    fn deliver<'a>(&'a self, cloud: &'a Cloud, batch: &'a [Record]) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let mut batch = batch;
            let mut attempts = 0;
            let mut wait = FIRST_WAIT;
            loop {
                let age = self.source.age.unwrap_or(STREAM_AGE);
                let now = cloud.clock().now();
                let old = batch.iter().take_while(|record| record.created.plus_seconds(age) < now).count();
                if old > 0 {
                    self.give_up(&batch[..old], "MaximumRecordAgeExceeded");
                    batch = &batch[old..];
                }
                if batch.is_empty() {
                    return;
                }
                let Some(failed_at) = self.invoke(cloud, batch).await else { return };
                // The records before the first failure are done.
                batch = &batch[failed_at..];
                if self.source.bisect && batch.len() > 1 {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    self.deliver(cloud, first).await;
                    self.deliver(cloud, second).await;
                    return;
                }
                if self.source.retries.is_some_and(|retries| attempts >= retries) {
                    self.give_up(batch, "RetryAttemptsExhausted");
                    return;
                }
                attempts += 1;
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        })
    }

    /// Invokes the function with a batch. Returns the position of the first record that failed, or `None` if all succeeded.
    async fn invoke(&self, cloud: &Cloud, batch: &[Record]) -> Option<usize> {
        let records: Vec<&Value> = batch.iter().map(|record| &record.value).collect();
        match cloud.invoke(&self.function, json!({ "Records": records })).await {
            Ok(result) if self.source.partial => first_failure(&result, batch),
            Ok(_) => None,
            Err(problem) => {
                tracing::warn!(function = self.function, problem, "a batch of stream records failed");
                Some(0)
            }
        }
    }

    fn give_up(&self, records: &[Record], condition: &str) {
        tracing::warn!(function = self.function, condition, records = records.len(), "stream records were given up");
        if let Some(destination) = &self.source.on_failure {
            self.dead_letters.add(DeadLetter {
                function: self.function.clone(),
                destination: destination.clone(),
                condition: condition.to_owned(),
                records: records.iter().map(|record| record.value.clone()).collect(),
            });
        }
    }
}

/// The position of the first record that the function reports as failed. As in Lambda, an unknown or empty identifier
/// fails the whole batch.
fn first_failure(result: &Value, batch: &[Record]) -> Option<usize> {
    let failures = result.get("batchItemFailures")?.as_array()?;
    let place = |failure: &Value| {
        let named = failure["itemIdentifier"].as_str().unwrap_or_default();
        batch.iter().position(|record| record.sequence_number == named).unwrap_or(0)
    };
    failures.iter().map(place).min()
}
