//! The ledger: every call of functions to AWS, and its cost.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Serialize;

use crate::{
    faults::{Kind, Service},
    sync::lock,
};

/// One attempt of the SDK to call AWS.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// The calling function, or `admin`.
    pub function: String,
    pub service: Service,
    pub action: String,
    /// The short names of the called tables, each once and in order.
    pub tables: Vec<String>,
    /// The number of the call's start. Starts and ends share one count. So a call came after another if its start is
    /// higher than the other's end.
    pub started: u64,
    pub ended: u64,
    pub read_units: f64,
    pub write_units: f64,
    /// The code of the error, if the call failed.
    pub error: Option<String>,
    /// The injected fault, if there was one.
    pub fault: Option<Kind>,
    /// KMS's encryption context.
    pub encryption_context: BTreeMap<String, String>,
}

impl Call {
    /// The key purpose in the encryption context.
    pub fn purpose(&self) -> Option<&str> {
        self.encryption_context.get("purpose").map(String::as_str)
    }
}

/// What one function used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Cost {
    pub invocations: u64,
    pub aws_calls: u64,
    pub read_units: f64,
    pub write_units: f64,
    pub kms_calls: u64,
    pub mails: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    sequence: AtomicU64,
    calls: Mutex<Vec<Call>>,
    costs: Mutex<BTreeMap<String, Cost>>,
}

/// The number of calls that the ledger keeps. Only tests read them, so a server must not fill its memory with them.
const MAX_CALLS: usize = 100_000;

impl Ledger {
    /// The next number for a start or an end.
    pub(crate) fn next(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn invoked(&self, function: &str) {
        lock(&self.costs).entry(function.to_owned()).or_default().invocations += 1;
    }

    /// Records a call that has ended.
    pub(crate) fn record(&self, call: Call) {
        {
            let mut costs = lock(&self.costs);
            let cost = costs.entry(call.function.clone()).or_default();
            cost.aws_calls += 1;
            cost.read_units += call.read_units;
            cost.write_units += call.write_units;
            cost.kms_calls += u64::from(call.service == Service::Kms);
            cost.mails += u64::from(call.service == Service::Ses && call.error.is_none());
        }
        let mut calls = lock(&self.calls);
        if calls.len() >= MAX_CALLS {
            calls.drain(..MAX_CALLS / 2);
        }
        calls.push(call);
    }

    /// The calls in the order of their starts.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let mut calls = lock(&self.calls).clone();
        calls.sort_by_key(|call| call.started);
        calls
    }

    pub(crate) fn reset_calls(&self) {
        lock(&self.calls).clear();
    }

    pub(crate) fn costs(&self) -> BTreeMap<String, Cost> {
        lock(&self.costs).clone()
    }

    pub(crate) fn reset_costs(&self) {
        lock(&self.costs).clear();
    }
}
