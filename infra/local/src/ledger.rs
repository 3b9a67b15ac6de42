//! What functions asked of AWS: every call in order, and what it costs.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;

use crate::faults::{Kind, Service};

/// One call to AWS, as one attempt of the SDK.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// Who called: a function, or `admin`.
    pub function: String,
    /// The service.
    pub service: Service,
    /// The action: `TransactWriteItems`.
    pub action: String,
    /// The short names of the tables that it names, each once, in order.
    pub tables: Vec<String>,
    /// The number of its start. Starts and ends are counted together, so a call comes after another if it starts with a
    /// higher number than the other ends with.
    pub started: u64,
    /// The number of its end.
    pub ended: u64,
    /// Read request units.
    pub read_units: f64,
    /// Write request units.
    pub write_units: f64,
    /// The error's code, if it failed.
    pub error: Option<String>,
    /// The fault that was injected, if one was.
    pub fault: Option<Kind>,
    /// KMS's encryption context.
    pub encryption_context: BTreeMap<String, String>,
}

impl Call {
    /// The purpose in the encryption context.
    pub fn purpose(&self) -> Option<&str> {
        self.encryption_context.get("purpose").map(String::as_str)
    }
}

/// What one function has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    /// How often it was invoked.
    pub invocations: u64,
    /// How often it called AWS.
    pub aws_calls: u64,
    /// DynamoDB's read request units.
    pub read_units: f64,
    /// DynamoDB's write request units.
    pub write_units: f64,
    /// How often it called KMS.
    pub kms_calls: u64,
    /// How many mails it sent.
    pub mails: u64,
}

/// The calls and costs of a world.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    sequence: AtomicU64,
    calls: Mutex<Vec<Call>>,
    costs: Mutex<BTreeMap<String, Cost>>,
}

/// How many calls are kept. A server that runs for days must not fill the memory with what only tests read.
const KEPT: usize = 100_000;

impl Ledger {
    /// The next number of a start or end.
    pub(crate) fn next(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Counts an invocation.
    pub(crate) fn invoked(&self, function: &str) {
        crate::lock(&self.costs).entry(function.to_owned()).or_default().invocations += 1;
    }

    /// Keeps a call that has ended.
    pub(crate) fn record(&self, call: Call) {
        {
            let mut costs = crate::lock(&self.costs);
            let cost = costs.entry(call.function.clone()).or_default();
            cost.aws_calls += 1;
            cost.read_units += call.read_units;
            cost.write_units += call.write_units;
            cost.kms_calls += u64::from(call.service == Service::Kms);
            cost.mails += u64::from(call.service == Service::Ses && call.error.is_none());
        }
        let mut calls = crate::lock(&self.calls);
        if calls.len() >= KEPT {
            calls.drain(..KEPT / 2);
        }
        calls.push(call);
    }

    /// The calls in the order in which they started.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let mut calls = crate::lock(&self.calls).clone();
        calls.sort_by_key(|call| call.started);
        calls
    }

    pub(crate) fn reset_calls(&self) {
        crate::lock(&self.calls).clear();
    }

    pub(crate) fn costs(&self) -> BTreeMap<String, Cost> {
        crate::lock(&self.costs).clone()
    }

    pub(crate) fn reset_costs(&self) {
        crate::lock(&self.costs).clear();
    }
}
