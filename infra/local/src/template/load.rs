//! Reading a template, once per process.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
};

use serde_json::Value;

use super::{
    stack::{self, Stack},
    yaml,
};
use crate::{
    document::{TemplateError, error},
    sync::lock,
};

/// Everything that this process has read. A test process starts hundreds of worlds with the same template.
#[derive(Default)]
struct Cache {
    documents: BTreeMap<String, Arc<Value>>,
    stacks: BTreeMap<(String, BTreeMap<String, String>), Arc<Stack>>,
}

fn cache() -> &'static Mutex<Cache> {
    static CACHE: OnceLock<Mutex<Cache>> = OnceLock::new();
    CACHE.get_or_init(Mutex::default)
}

fn read(path: &Path) -> Result<String, TemplateError> {
    std::fs::read_to_string(path).or_else(|problem| error(&path.display().to_string(), problem.to_string()))
}

fn document(text: &str) -> Result<Arc<Value>, TemplateError> {
    if let Some(document) = lock(cache()).documents.get(text) {
        return Ok(Arc::clone(document));
    }
    let document = Arc::new(yaml::read(text)?);
    lock(cache()).documents.insert(text.to_owned(), Arc::clone(&document));
    Ok(document)
}

/// The stack of the template at `path` under `parameters`. Each process builds the stack of one text and one set of
/// parameters once.
///
/// # Errors
///
/// If the template is wrong, or does not declare a given parameter.
pub fn load(path: &Path, parameters: &BTreeMap<String, String>) -> Result<Arc<Stack>, TemplateError> {
    let key = (read(path)?, parameters.clone());
    if let Some(stack) = lock(cache()).stacks.get(&key) {
        return Ok(Arc::clone(stack));
    }
    let stack = Arc::new(parse(&key.0, parameters)?);
    lock(cache()).stacks.insert(key, Arc::clone(&stack));
    Ok(stack)
}

/// The stack of a template's text under `parameters`.
pub fn parse(text: &str, parameters: &BTreeMap<String, String>) -> Result<Stack, TemplateError> {
    stack::build(&*document(text)?, parameters)
}

/// Whether a parameter needs a value when the stack is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The template has no default.
    Required,
    Optional,
}

/// The parameters that the template at `path` declares.
pub(crate) fn parameters(path: &Path) -> Result<BTreeMap<String, Presence>, TemplateError> {
    let document = document(&read(path)?)?;
    let declared = document.get("Parameters").and_then(Value::as_object).into_iter().flatten();
    let presence = |declaration: &Value| match declaration.get("Default") {
        Some(_) => Presence::Optional,
        None => Presence::Required,
    };
    Ok(declared.map(|(name, declaration)| (name.clone(), presence(declaration))).collect())
}
