//! What follows from the list of operations: the mains, the tables of the README and of the API page, the OpenAPI document, and the types of
//! the JavaScript client. `LATCHKEY_WRITE=1` writes them.

use std::{fmt::Write as _, path::Path};

use functions::operations::OPERATIONS;
use shared::operation::{Access, Operation};
use tests::{repository, world};

use crate::openapi;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Writes a file if that was asked for. Otherwise the file must have this text.
fn write_or_compare(path: &Path, text: &str) {
    if std::env::var_os("LATCHKEY_WRITE").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let path = path.display();
    assert!(read(Path::new(&path.to_string())) == text, "{path} is out of date: run the test with LATCHKEY_WRITE=1");
}

/// The folder of an operation's file.
pub(crate) fn area(operation: &Operation) -> String {
    let file = &format!("{}.rs", operation.name.replace('-', "_"));
    let areas = std::fs::read_dir(repository("functions/src")).unwrap().map(|entry| entry.unwrap().path());
    let found = areas.into_iter().find(|area| area.join(file).is_file() && !area.ends_with("auth"));
    let found = found.unwrap_or_else(|| panic!("no area has {file}"));
    found.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn every_operation_has_its_main_and_every_main_its_operation() {
    for operation in OPERATIONS {
        let module = operation.name.replace('-', "_");
        let area = area(operation);
        let main = format!(
            "//! The Lambda function `{}`.\n\nuse shared::{{operation::Operation, runtime}};\n\n\
             const OPERATION: Operation = functions::{area}::{module}::OPERATION.without_contract();\n\n\
             fn main() -> Result<(), runtime::RuntimeError> {{\n    runtime::run(OPERATION)\n}}\n",
            operation.name
        );
        write_or_compare(&repository(&format!("functions/src/bin/{}.rs", operation.name)), &main);
    }
    for entry in std::fs::read_dir(repository("functions/src/bin")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().replace(".rs", "");
        assert!(OPERATIONS.iter().any(|operation| operation.name == name), "no operation has the main {name}");
    }
}

/// The routes of an operation, or what invokes it.
fn routes(operation: &Operation) -> String {
    if operation.routes.is_empty() {
        return operation.trigger.to_owned();
    }
    operation.routes.iter().map(|route| format!("`{route}`")).collect::<Vec<_>>().join(", ")
}

fn compare_table(page: &str, header: &str, row: impl Fn(&Operation) -> String) {
    const START: &str = "<!-- operations -->\n";
    const END: &str = "<!-- /operations -->";
    let path = repository(page);
    let text = read(&path);
    let (before, rest) = text.split_once(START).unwrap_or_else(|| panic!("{page} has no {START}"));
    let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("{page} has no {END}"));
    let mut table = header.to_owned();
    for operation in OPERATIONS {
        writeln!(table, "{}", row(operation)).unwrap();
    }
    write_or_compare(&path, &format!("{before}{START}{table}{END}{after}"));
}

#[test]
fn the_readme_lists_the_operations() {
    compare_table("README.md", "| function | route | what |\n|---|---|---|\n", |operation| {
        let mark = match operation.access {
            Access::FreshSession => " †",
            Access::Iam => ", IAM-signed",
            _ => "",
        };
        format!("| `{}` | {}{mark} | {} |", operation.name, routes(operation), operation.summary)
    });
}

#[test]
fn the_api_page_lists_the_operations() {
    let header = "| function | route | authentication | what |\n|---|---|---|---|\n";
    compare_table("docs/api.md", header, |operation| {
        let (name, access) = (operation.name, operation.access.as_str());
        format!("| `{name}` | {} | {access} | {} |", routes(operation), operation.summary)
    });
}

#[test]
fn the_openapi_document_describes_the_operations() {
    let document = serde_json::to_string_pretty(&openapi::document()).unwrap() + "\n";
    write_or_compare(&repository("infra/openapi.json"), &document);
}

#[test]
fn the_types_of_the_client_follow_from_the_openapi_document() {
    write_or_compare(&repository("shared/web/client/operations.d.ts"), &openapi::types(&openapi::document()));
}

/// The block of a function in the template.
fn block<'a>(template: &'a str, operation: &Operation) -> &'a str {
    let binary = |end: &str| template.find(&format!("Binary: {}{end}", operation.name));
    let at = binary(" ").or_else(|| binary("\n"));
    let at = at.unwrap_or_else(|| panic!("no function of the template has the binary {}", operation.name));
    let start = template[..at].rfind("\n\n").unwrap_or(0);
    let end = template[at..].find("\n\n").map_or(template.len(), |end| at + end);
    &template[start..end]
}

#[tokio::test]
async fn the_template_gives_each_function_its_routes_access_and_memory() {
    let template = read(&repository("template.yaml"));
    let globals = template.split("\nResources:").next().unwrap();
    let default = format!("MemorySize: {}", shared::operation::DEFAULT_MEMORY);
    assert!(globals.contains(&default), "the template's Globals have no {default}");
    let routed = world().await.routes();
    for operation in OPERATIONS {
        let (name, block) = (operation.name, block(&template, operation));
        let memory = block
            .split_once("MemorySize: ")
            .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().unwrap());
        assert_eq!(memory.unwrap_or(shared::operation::DEFAULT_MEMORY), operation.memory, "the memory of {name}");
        let mut declared: Vec<String> = operation.routes.iter().map(ToString::to_string).collect();
        let own = routed.iter().filter(|(_, function)| function == name);
        let mut in_template: Vec<String> = own.map(|(route, _)| route.to_string()).collect();
        declared.sort_unstable();
        in_template.sort_unstable();
        assert_eq!(in_template, declared, "the routes of {name}");
        assert_eq!(block.contains("AWS_IAM"), operation.access == Access::Iam, "the authorization of {name}");
    }
}
