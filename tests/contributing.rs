//! The pages for contributors say what is true: their commands name tests that exist, their paths and links lead somewhere, their
//! variables are read and their recipes are in the justfile.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

const PAGES: [&str; 10] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "docs/api.md",
    "docs/architecture.md",
    "docs/glossary.md",
    "docs/prices.md",
    "docs/security.md",
    "llms.txt",
];

/// Placeholders of the recipes, with an example that exists.
const EXAMPLES: [(&str, &str); 4] =
    [("<area>", "sessions"), ("<operation>", "session_revoke"), ("<kind>", "password_changed"), ("<language>", "de")];

fn root() -> PathBuf {
    tests::repository("")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A page without its code blocks.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// The commands in a page's shell blocks, one a line, without comments.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or(line).trim()).collect()
}

/// The texts between backticks outside of code blocks.
fn spans(page: &str) -> Vec<String> {
    prose(page).split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every `LATCHKEY_…` in a text.
fn variables(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
    let starts = text.match_indices("LATCHKEY_").map(|(at, _)| &text[at..]);
    starts.map(|rest| rest.chars().take_while(|c| is_part(*c)).collect()).collect()
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn the_commands_run_tests_that_exist() {
    let output = Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let tests: Vec<&str> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let page = read("CONTRIBUTING.md");
    let mut checked = 0;
    for command in commands(&page) {
        let words: Vec<&str> = command.split_whitespace().skip_while(|word| word.contains('=')).collect();
        let [cargo, test, package, name, rest @ ..] = words.as_slice() else { panic!("{command}") };
        assert_eq!((*cargo, *test, *package), ("cargo", "test", "--package"), "{command}");
        match (*name, rest) {
            ("tests", [filter]) => assert!(tests.iter().any(|test| test.contains(filter)), "no test for: {command}"),
            (package, ["--lib", module]) => {
                let file = format!("{package}/src/{}.rs", module.replace("::", "/"));
                assert!(read(&file).contains("#[test]"), "no test in {file}, for: {command}");
            }
            _ => panic!("not understood: {command}"),
        }
        checked += 1;
    }
    assert!(checked >= 5);
}

#[test]
fn the_paths_exist() {
    let folders = ["functions/", "shared/", "infra/", "tests/", "docs/", ".ci/", ".github/"];
    for span in spans(&read("CONTRIBUTING.md")).into_iter().chain(spans(&read("README.md"))) {
        if !folders.iter().any(|folder| span.starts_with(folder)) {
            continue;
        }
        let path =
            EXAMPLES.iter().fold(span.clone(), |path, (placeholder, example)| path.replace(placeholder, example));
        assert!(root().join(&path).exists(), "`{span}` names {path}, which does not exist");
    }
}

#[test]
fn the_links_lead_somewhere() {
    for page in PAGES {
        let text = read(page);
        for link in prose(&text).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("https://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
            let target = root().join(page).parent().unwrap().join(path);
            let target = if path.is_empty() { root().join(page) } else { target };
            assert!(target.exists(), "{page} links {link}");
            if let Some(anchor) = anchor {
                let headings = anchors(&std::fs::read_to_string(&target).unwrap());
                assert!(headings.iter().any(|heading| heading == anchor), "{page} links {link}; {headings:?}");
            }
        }
    }
}

#[test]
fn the_variables_are_those_that_are_read() {
    let page = read("CONTRIBUTING.md");
    let rows = page.lines().filter(|line| line.starts_with("| `") && line.contains("LATCHKEY_"));
    let documented: BTreeSet<String> = rows.filter_map(|row| variables(row).into_iter().next()).collect();
    let mut files = Vec::new();
    files_below(&root().join("tests"), &mut files);
    files.retain(|file| !file.ends_with("contributing.rs"));
    let mut read_by_tests: BTreeSet<String> =
        files.iter().flat_map(|file| variables(&std::fs::read_to_string(file).unwrap())).collect();
    assert!(read_by_tests.is_subset(&documented), "CONTRIBUTING.md has {documented:?}, tests read {read_by_tests:?}");
    for script in [".ci/run", ".ci/thorough", "justfile", ".github/workflows/ci.yml"] {
        read_by_tests.extend(variables(&read(script)));
    }
    assert_eq!(documented, read_by_tests);
}

#[test]
fn the_recipes_are_in_the_justfile() {
    let justfile = read("justfile");
    let recipes: BTreeSet<&str> = justfile
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split([' ', ':']).next())
        .collect();
    let named: BTreeSet<String> = ["CONTRIBUTING.md", "README.md"]
        .iter()
        .flat_map(|page| spans(&read(page)))
        .filter_map(|span| span.strip_prefix("just ").map(str::to_owned))
        .filter_map(|recipe| recipe.split_whitespace().next().map(str::to_owned))
        .collect();
    assert!(named.len() >= 8, "{named:?}");
    for recipe in named {
        assert!(recipes.contains(recipe.as_str()), "the justfile has no {recipe}: {recipes:?}");
    }
}
