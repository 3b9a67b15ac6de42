//! Table streams: records go to their function in order, in batches, at least once.

use std::{future::Future, pin::Pin, time::Duration};

use dynoxide::actions::{get_records::GetRecordsRequest, get_shard_iterator::GetShardIteratorRequest};
use serde_json::{Value, json};
use shared::clock::{Clock, Timestamp};
use tokio::sync::Mutex;

use super::DeadLetter;
use crate::{
    template::{DynamoDbSource, REGION, Table},
    world::World,
};

/// The first wait before a batch is tried again, and the longest. Lambda waits longer; here a person waits.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(8);

/// A stream keeps its records for a day.
const STREAM_AGE: i64 = 24 * 60 * 60;

/// One stream's way to one function.
#[derive(Debug)]
pub(crate) struct Pump {
    function: String,
    source: DynamoDbSource,
    table: String,
    /// Held while records are delivered: the stream's order is also the order of the invocations.
    delivering: Mutex<()>,
}

struct Record {
    value: Value,
    sequence_number: String,
    created: Timestamp,
}

impl Pump {
    /// The pump of a source on `table`.
    pub(crate) fn new(function: &str, source: DynamoDbSource, table: &Table) -> Self {
        Self { function: function.to_owned(), source, table: table.physical.clone(), delivering: Mutex::new(()) }
    }

    /// Delivers all records that are there, and says how many they were.
    pub(crate) async fn drain(&self, world: &World) -> usize {
        let _order = self.delivering.lock().await;
        let name = format!("{} {}", self.function, self.table);
        let mut delivered = 0;
        loop {
            let position = world.checkpoints().get(&name);
            let records = match self.read(world, position.as_deref()) {
                Ok(records) => records,
                Err(problem) => {
                    tracing::warn!(table = self.table, problem, "a stream could not be read");
                    return delivered;
                }
            };
            let Some(last) = records.last().map(|record| record.sequence_number.clone()) else { return delivered };
            delivered += records.len();
            let wanted: Vec<Record> = records.into_iter().filter(|record| self.wants(record)).collect();
            if !wanted.is_empty() {
                self.deliver(world, &wanted).await;
            }
            world.checkpoints().set(&name, &last);
        }
    }

    fn wants(&self, record: &Record) -> bool {
        let names = &self.source.event_names;
        names.is_empty() || names.iter().any(|name| record.value["eventName"] == name.as_str())
    }

    fn read(&self, world: &World, position: Option<&str>) -> Result<Vec<Record>, String> {
        let database = world.database();
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
        // A database on disk writes the machine's time; a record must not look old because the world's clock was moved.
        let ahead = if world.is_on_disk() { world.clock().offset_seconds() } else { 0 };
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

    /// Delivers a batch until the function has taken it, or nothing more is to be tried.
    fn deliver<'a>(&'a self, world: &'a World, batch: &'a [Record]) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let mut batch = batch;
            let mut attempts = 0;
            let mut wait = FIRST_WAIT;
            loop {
                let age = self.source.age.unwrap_or(STREAM_AGE);
                let now = world.clock().now();
                let old = batch.iter().take_while(|record| record.created.plus_seconds(age) < now).count();
                if old > 0 {
                    self.give_up(world, &batch[..old], "MaximumRecordAgeExceeded");
                    batch = &batch[old..];
                }
                if batch.is_empty() {
                    return;
                }
                let records: Vec<&Value> = batch.iter().map(|record| &record.value).collect();
                let result = world.invoke(&self.function, json!({ "Records": records })).await;
                let failed_at = match &result {
                    Ok(result) if self.source.partial => match first_failure(result, batch) {
                        Some(failed_at) => failed_at,
                        None => return,
                    },
                    Ok(_) => return,
                    Err(problem) => {
                        tracing::warn!(function = self.function, problem, "a batch of stream records failed");
                        0
                    }
                };
                // What came before the first record that failed is done.
                batch = &batch[failed_at..];
                if self.source.bisect && batch.len() > 1 {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    self.deliver(world, first).await;
                    self.deliver(world, second).await;
                    return;
                }
                if self.source.retries.is_some_and(|retries| attempts >= retries) {
                    self.give_up(world, batch, "RetryAttemptsExhausted");
                    return;
                }
                attempts += 1;
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        })
    }

    fn give_up(&self, world: &World, records: &[Record], condition: &str) {
        tracing::warn!(function = self.function, condition, records = records.len(), "stream records were given up");
        if let Some(destination) = &self.source.on_failure {
            world.add_dead_letter(DeadLetter {
                function: self.function.clone(),
                destination: destination.clone(),
                condition: condition.to_owned(),
                records: records.iter().map(|record| record.value.clone()).collect(),
            });
        }
    }
}

/// The place of the first record that the function reports as failed; `None` if it reports none. An identifier that is
/// none of the batch's, or empty, means that all of it failed, as in Lambda.
fn first_failure(result: &Value, batch: &[Record]) -> Option<usize> {
    let failures = result.get("batchItemFailures")?.as_array()?;
    let place = |failure: &Value| {
        let named = failure["itemIdentifier"].as_str().unwrap_or_default();
        batch.iter().position(|record| record.sequence_number == named).unwrap_or(0)
    };
    failures.iter().map(place).min()
}
