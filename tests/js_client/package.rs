//! The npm package: its size, its content and its types.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::repository;
use tokio::process::Command;

use super::folder;
use crate::programs::run;

/// The files of the package, which npm packs in a folder of its own.
const FILES: &[&str] =
    &["LICENSE-APACHE", "LICENSE-MIT", "README.md", "latchkey.d.ts", "latchkey.js", "operations.d.ts", "package.json"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_is_small() {
    let Some(folder) = folder("package::the_client_is_small").await else { return };
    let mut command = Command::new("node");
    command.arg("size.mjs").arg(repository("shared/web/client/latchkey.js")).current_dir(folder);
    run(&mut command).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_package_has_the_client_its_types_and_its_licences() {
    let Some(_) = folder("package::the_package_has_the_client_its_types_and_its_licences").await else { return };
    let own = repository("shared/web/client");
    let output = Command::new("npm").args(["pack", "--dry-run", "--json"]).current_dir(&own).output().await.unwrap();
    let packed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = packed[0]["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap());
    assert_eq!(files.collect::<BTreeSet<_>>(), FILES.iter().copied().collect());
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let [packed, ours] =
            [own.join(licence), repository(licence)].map(|path| std::fs::read_to_string(path).unwrap());
        assert_eq!(packed, ours, "{licence}");
    }
    let manifest: Value = serde_json::from_slice(&std::fs::read(own.join("package.json")).unwrap()).unwrap();
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest["license"], env!("CARGO_PKG_LICENSE"));
    assert!(manifest.get("dependencies").is_none() && manifest.get("scripts").is_none());
}

/// The examples of two pages as one program.
fn with_one_import(examples: &str) -> String {
    let own = |line: &&str| !line.starts_with("import ") && !line.starts_with("const auth ");
    let code: Vec<&str> = examples.lines().filter(own).collect();
    let (import, auth) = ("import { Latchkey, LatchkeyError } from \"latchkey\";", "const auth = new Latchkey();");
    format!("{import}\n{auth}\n{}\n", code.join("\n"))
}

/// A program that uses the types compiles, for browsers and for Node.js. What it marks as wrong does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_types_compile() {
    let Some(folder) = folder("package::the_types_compile").await else { return };
    let mut examples = Vec::new();
    for page in ["README.md", "shared/web/client/README.md"] {
        let page = std::fs::read_to_string(repository(page)).unwrap();
        examples.extend(page.split("```js\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()));
    }
    examples.retain(|example| example.contains("auth.") && !example.contains("openid-client"));
    assert_eq!(examples.len(), 3);
    let examples = examples.join("\n").replace("./latchkey.js", "latchkey");
    tokio::fs::write(folder.join("examples.ts"), with_one_import(&examples)).await.unwrap();
    let browsers = ["--lib", "es2022,dom", "--exactOptionalPropertyTypes"].as_slice();
    let servers = ["--lib", "es2022", "--types", "node"].as_slice();
    for environment in [browsers, servers] {
        let strict = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"];
        let mut command = Command::new("node");
        command.arg("node_modules/typescript/bin/tsc").args(strict).args(environment).arg("sample.ts");
        if environment == browsers {
            command.arg("examples.ts");
        }
        let done = run(command.current_dir(&folder)).await;
        assert_eq!(done, Ok(()), "{environment:?}");
    }
}
