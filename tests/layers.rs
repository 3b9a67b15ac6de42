//! Imports go one way. Each crate is a list of modules, and a module imports only those before it.

use std::{collections::BTreeSet, path::PathBuf};

/// `shared`: the layers of docs/architecture.md, in order. Within a layer, the order of this list holds.
const SHARED: &[&str] = &[
    "error",
    "fields",
    "clock",
    "rng",
    "log",
    "aws",
    "domain",
    "crypto",
    "store",
    "keyring",
    "secrets",
    "user_cipher",
    "geo",
    "webauthn",
    "texts",
    "http",
    "providers",
    "mail",
    "config",
    "app",
    "context",
    "operation",
    "custom_resource",
    "runtime",
];

/// `functions`: what operations share. The areas follow, and none imports another.
const AUTH: &[&str] = &[
    "auth::access_token",
    "auth::client_origin",
    "auth::csrf",
    "auth::caller",
    "auth::limits",
    "auth::sweep",
    "auth::password",
    "auth::mailed_code",
    "auth::continuation_token",
    "auth::identify",
    "auth::provider_request",
    "auth::way_in",
    "auth::user",
    "auth::identity",
    "auth::session::subject",
    "auth::session::end",
    "auth::session::device",
    "auth::siteverify",
    "auth::captcha",
    "auth::session::response",
    "auth::session::ceilings",
    "auth::session::alert",
    "auth::session::issue",
    "auth::session::rotation",
    "auth::new_account",
    "auth::mfa::codes",
    "auth::mfa::passkey",
    "auth::mfa::pending_login",
];

/// `infra/local`.
const LOCAL: &[&str] = &[
    "sync",
    "document",
    "account",
    "credentials",
    "clock",
    "faults",
    "mailbox",
    "iam",
    "ledger",
    "template",
    "options",
    "aws",
    "cloud",
    "gateway",
    "triggers",
    "console",
    "deployment",
    "world",
    "server",
];

/// A file of a crate: its module path, and its text without comments.
struct Source {
    path: PathBuf,
    module: Vec<String>,
    text: String,
}

fn sources(crate_folder: &str) -> Vec<Source> {
    let root = tests::repository(crate_folder).join("src");
    let (mut folders, mut sources) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("bin") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(&root).unwrap().with_extension("");
                let mut module: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
                if module.last().is_some_and(|last| last == "mod") {
                    module.pop();
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.lines().map(|line| line.split("//").next().unwrap_or(line)).collect::<Vec<_>>();
                sources.push(Source { path, module, text: text.join("\n") });
            }
        }
    }
    sources
}

/// The paths of a `use` tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn flatten(prefix: &str, tree: &str, found: &mut BTreeSet<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or(tree).trim();
        found.insert(format!("{prefix}{name}").trim_end_matches("::self").to_owned());
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let inner = rest.strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut start) = (0, 0);
    for (at, character) in inner.char_indices().chain([(inner.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    flatten(&prefix, &inner[start..at], found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Everything that a file imports from its own crate, from the crate's root.
fn imports(source: &Source) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for part in source.text.split("use ").skip(1) {
        if let Some((tree, _)) = part.split_once(';') {
            flatten("", tree, &mut paths);
        }
    }
    for (at, _) in source.text.match_indices("crate::") {
        let is_path = |c: char| c.is_alphanumeric() || "_:".contains(c);
        paths.insert(source.text[at..].chars().take_while(|c| is_path(*c)).collect());
    }
    paths.iter().filter_map(|path| resolve(&source.module, path)).collect()
}

/// A path from the crate's root. `None` for a path of another crate.
fn resolve(module: &[String], path: &str) -> Option<String> {
    if let Some(path) = path.strip_prefix("crate::") {
        return Some(path.to_owned());
    }
    let mut base = module.to_vec();
    let mut path = path.strip_prefix("super::").filter(|rest| *rest != "*")?;
    base.pop();
    while let Some(rest) = path.strip_prefix("super::") {
        base.pop();
        path = rest;
    }
    Some([base.join("::"), path.to_owned()].join("::").trim_start_matches("::").to_owned())
}

/// The entry of the list that a path belongs to.
fn entry(order: &[&str], path: &str) -> Option<usize> {
    order.iter().position(|name| path == *name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with("::")))
}

/// The imports that go to the same place in the list or back up.
fn backward(crate_folder: &str, order: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources(crate_folder) {
        let Some(own) = entry(order, &source.module.join("::")) else { continue };
        for import in imports(&source) {
            if entry(order, &import).is_some_and(|target| target > own) {
                found.push(format!("{} imports {import}", source.path.display()));
            }
        }
    }
    found
}

fn unlisted(crate_folder: &str, order: &[&str]) -> Vec<String> {
    let modules = sources(crate_folder).into_iter().map(|source| source.module.join("::"));
    modules
        .filter(|module| !["lib", "main", "arguments"].contains(&module.as_str()) && entry(order, module).is_none())
        .collect()
}

#[test]
fn shared_imports_only_earlier_layers() {
    assert_eq!(backward("shared", SHARED), [""; 0]);
    assert_eq!(unlisted("shared", SHARED), [""; 0]);
}

#[test]
fn local_imports_only_earlier_layers() {
    assert_eq!(backward("infra/local", LOCAL), [""; 0]);
    assert_eq!(unlisted("infra/local", LOCAL), [""; 0]);
}

#[test]
fn what_operations_share_imports_only_what_is_before_it() {
    assert_eq!(backward("functions", AUTH), [""; 0]);
    let folders = ["auth", "auth::mfa", "auth::session"];
    let mut unlisted = unlisted("functions", AUTH);
    unlisted.retain(|module| module.starts_with("auth") && !folders.contains(&module.as_str()));
    assert_eq!(unlisted, [""; 0]);
}

#[test]
fn no_area_imports_another_and_auth_imports_none() {
    let sources = sources("functions");
    let areas: BTreeSet<&str> = sources
        .iter()
        .filter_map(|source| source.module.first().map(String::as_str).filter(|_| source.module.len() > 1))
        .filter(|folder| *folder != "auth")
        .collect();
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.module.len() > 1) {
        for import in imports(source) {
            let target = import.split("::").next().unwrap_or_default();
            if areas.contains(target) && source.module[0] != target {
                found.push(format!("{} imports {import}", source.path.display()));
            }
        }
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn an_import_back_up_is_found() {
    let source = |module: &[&str], text: &str| Source {
        path: PathBuf::from("here.rs"),
        module: module.iter().map(|part| (*part).to_owned()).collect(),
        text: text.to_owned(),
    };
    let found = imports(&source(
        &["domain", "session"],
        "use crate::{app::App, http::{Request, page}};\nfn f(x: crate::config::Config) {}",
    ));
    let expected = ["app::App", "config::Config", "http::Request", "http::page"];
    assert!(expected.iter().all(|path| found.contains(*path)), "{found:?}");
    assert!(imports(&source(&["domain", "session"], "use super::name::Name;")).contains("domain::name::Name"));
    assert!(entry(SHARED, "app::App") > entry(SHARED, "domain::session"));
}
