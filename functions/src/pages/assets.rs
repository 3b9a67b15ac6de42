//! The files of `shared/web`. A debug build reads them from the disk at each request, so a change of a page needs no build.

use std::{borrow::Cow, sync::LazyLock};

use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use shared::{domain::brand::Brand, http::Response};

#[derive(RustEmbed)]
#[folder = "../shared/web"]
struct Files;

/// The style of every page.
const STYLE: &str = "page.css";

/// The text of a file, with its path below `shared/web`.
pub(super) fn read(path: &str) -> Option<Cow<'static, str>> {
    match Files::get(path)?.data {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// The paths of all files in a folder.
pub(super) fn list(folder: &str) -> impl Iterator<Item = Cow<'static, str>> {
    Files::iter().filter(move |path| path.starts_with(folder))
}

/// The type of a file that pages load. The others are templates, texts, and files of the client's package.
fn content_type(path: &str) -> Option<&'static str> {
    let is_script = path == "client/latchkey.js" || (path.starts_with("scripts/") && path.ends_with(".js"));
    match path {
        STYLE => Some("text/css; charset=utf-8"),
        _ if is_script => Some("text/javascript; charset=utf-8"),
        _ => None,
    }
}

/// A script without the lines that are comments: a third of what a page loads. No text of these scripts has several lines.
fn without_comments(script: &str) -> String {
    script
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// The text of a file as pages load it.
fn loaded(path: &str) -> Option<Cow<'static, str>> {
    let text = read(path)?;
    Some(if path.starts_with("scripts/") { Cow::Owned(without_comments(&text)) } else { text })
}

fn hash_of_files() -> Vec<u8> {
    let mut hash = Sha256::new();
    for path in Files::iter().filter(|path| content_type(path).is_some()) {
        hash.update(path.as_bytes());
        hash.update(loaded(&path).unwrap_or_default().as_bytes());
    }
    hash.finalize().to_vec()
}

static HASH_OF_FILES: LazyLock<Vec<u8>> = LazyLock::new(hash_of_files);

/// The first folder of the files' URLs. It changes with any of them, so that browsers can keep them for good.
pub(super) fn version(brand: &Brand) -> String {
    let hash = if cfg!(debug_assertions) { hash_of_files() } else { HASH_OF_FILES.clone() };
    let hash = Sha256::new().chain_update(hash).chain_update(brand.style()).finalize();
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The file at a path below `/assets/`: its version, then its path below `shared/web`.
pub(super) fn serve(path: &str, brand: &Brand) -> Option<Response> {
    let (asked, path) = path.split_once('/')?;
    let content_type = content_type(path)?;
    let mut text = loaded(path)?;
    if path == STYLE {
        text.to_mut().push_str(&brand.style());
    }
    let file = Response::file(&text, content_type);
    // While a new version is deployed, a page may ask for files of the other one.
    let is_current = asked == version(brand);
    Some(file.with_header("cache-control", if is_current { "public, max-age=31536000, immutable" } else { "no-cache" }))
}
