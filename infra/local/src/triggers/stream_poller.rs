//! Table streams. A poller delivers records in batches and at least once. Records of one partition key keep their order.
//!
//! As in Lambda, the partition keys of a shard are spread over as many lanes as `ParallelizationFactor` says. A batch that fails
//! waits for its retry, and only its lane waits with it.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex as SyncMutex},
};

use dynoxide::actions::{get_records::GetRecordsRequest, get_shard_iterator::GetShardIteratorRequest};
use serde_json::{Value, json};
use shared::clock::{Clock, Timestamp};
use tokio::sync::Mutex;

use super::{
    checkpoints::Checkpoints,
    dead_letters::{DeadLetter, DeadLetters},
};
use crate::{account::REGION, cloud::Cloud, sync::lock, template::DynamoDbSource};

/// The first and the longest wait before a retry, in seconds of the local clock. Waits double. AWS documents that they grow, and
/// no numbers.
const FIRST_WAIT: i64 = 1;
const LONGEST_WAIT: i64 = 30;

/// The retention of a stream: one day, in seconds.
const STREAM_AGE: i64 = 24 * 60 * 60;

/// Delivers one table's stream to one function.
#[derive(Debug)]
pub(crate) struct StreamPoller {
    pub(super) function: String,
    pub(super) source: DynamoDbSource,
    /// The table's name in DynamoDB.
    pub(super) table: String,
    /// The name of the table's partition key.
    pub(super) partition_key: String,
    pub(super) checkpoints: Arc<Checkpoints>,
    pub(super) dead_letters: Arc<DeadLetters>,
    /// Held during a delivery, because invocations keep the order of each partition key.
    pub(super) lanes: Mutex<Lanes>,
    /// When the next retry is due.
    pub(super) next_retry: SyncMutex<Option<Timestamp>>,
}

/// What was read and not yet delivered.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// The last record that was read.
    position: Option<String>,
    lanes: Vec<VecDeque<Batch>>,
}

/// Records that one invocation gets.
#[derive(Debug)]
struct Batch {
    records: Vec<Record>,
    retries: u64,
    /// The time of the next attempt.
    due: Timestamp,
}

#[derive(Debug)]
struct Record {
    value: Value,
    sequence_number: String,
    created: Timestamp,
}

impl StreamPoller {
    /// Delivers all records that are due. Returns the number of invocations.
    pub(crate) async fn poll(&self, cloud: &Cloud) -> usize {
        let mut lanes = self.lanes.lock().await;
        let name = format!("{} {}", self.function, self.table);
        let mut invocations = 0;
        loop {
            let position = lanes.position.clone().or_else(|| self.checkpoints.get(&name));
            let records = match self.read(cloud, position.as_deref()) {
                Ok(records) => records,
                Err(problem) => {
                    tracing::warn!(table = self.table, problem, "a stream could not be read");
                    break;
                }
            };
            let is_end = records.is_empty();
            if let Some(last) = records.last() {
                lanes.position = Some(last.sequence_number.clone());
            }
            let now = cloud.clock().now();
            self.add(&mut lanes.lanes, records.into_iter().filter(|record| self.matches(record)), now);
            for lane in &mut lanes.lanes {
                invocations += self.deliver(cloud, lane).await;
            }
            // After a restart, what waits for a retry is read again.
            if let Some(position) = lanes.position.as_deref().filter(|_| lanes.lanes.iter().all(VecDeque::is_empty)) {
                self.checkpoints.set(&name, position);
            }
            if is_end {
                break;
            }
        }
        let waiting = lanes.lanes.iter().filter_map(|lane| lane.front());
        *lock(&self.next_retry) = waiting.map(|batch| batch.due).min();
        invocations
    }

    /// When the next retry is due. `None` if nothing waits.
    pub(crate) fn next_retry(&self) -> Option<Timestamp> {
        *lock(&self.next_retry)
    }

    /// Adds records to their lanes, one batch for each.
    fn add(&self, lanes: &mut Vec<VecDeque<Batch>>, records: impl Iterator<Item = Record>, due: Timestamp) {
        lanes.resize_with(self.source.lanes, VecDeque::new);
        let mut batches: Vec<Vec<Record>> = lanes.iter().map(|_| Vec::new()).collect();
        for record in records {
            let mut hasher = DefaultHasher::new();
            record.value["dynamodb"]["Keys"][&self.partition_key].to_string().hash(&mut hasher);
            #[expect(clippy::cast_possible_truncation, reason = "a remainder of a small number")]
            let lane = (hasher.finish() % batches.len() as u64) as usize;
            batches[lane].push(record);
        }
        for (lane, records) in lanes.iter_mut().zip(batches).filter(|(_, records)| !records.is_empty()) {
            lane.push_back(Batch { records, retries: 0, due });
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

    /// Delivers the batches of a lane until one has to wait for its retry. Returns the number of invocations.
    async fn deliver(&self, cloud: &Cloud, lane: &mut VecDeque<Batch>) -> usize {
        let mut invocations = 0;
        while let Some(mut batch) = lane.pop_front() {
            let now = cloud.clock().now();
            if now < batch.due {
                lane.push_front(batch);
                break;
            }
            let age = self.source.age.unwrap_or(STREAM_AGE);
            let old = batch.records.iter().take_while(|record| record.created.plus_seconds(age) < now).count();
            if old > 0 {
                let old: Vec<Record> = batch.records.drain(..old).collect();
                self.give_up(&old, "MaximumRecordAgeExceeded");
            }
            if batch.records.is_empty() {
                continue;
            }
            invocations += 1;
            let Some(failed_at) = self.invoke(cloud, &batch.records).await else { continue };
            // The records before the first failure are done.
            batch.records.drain(..failed_at);
            if self.source.bisect && batch.records.len() > 1 {
                let second = batch.records.split_off(batch.records.len() / 2);
                let Batch { records: first, retries, due } = batch;
                lane.push_front(Batch { records: second, retries, due });
                lane.push_front(Batch { records: first, retries, due });
            } else if self.source.retries.is_some_and(|retries| batch.retries >= retries) {
                self.give_up(&batch.records, "RetryAttemptsExhausted");
            } else {
                let wait = FIRST_WAIT.saturating_mul(1 << batch.retries.min(10)).min(LONGEST_WAIT);
                batch.retries += 1;
                batch.due = now.plus_seconds(wait);
                lane.push_front(batch);
            }
        }
        invocations
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
