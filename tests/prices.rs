//! The price of each operation: calls, sequential round trips, capacity units and KMS calls. The table in docs/prices.md is generated
//! here: run this test with `LATCHKEY_WRITE=1`.

use std::fmt::Write as _;

use crate::tour::{Visit, visits};

#[tokio::test]
async fn each_operation_costs_what_is_published() {
    let mut table = String::from(
        "| operation | calls | round trips | read units | write units | KMS calls, warm | KMS calls, cold start |\n|---|---|---|---|---|---|---|\n",
    );
    for Visit { scenario, cold, warm, .. } in visits().await {
        let name = if scenario.name.is_empty() { String::new() } else { format!(", {}", scenario.name) };
        writeln!(
            table,
            "| `{}`{name} | {} | {} | {} | {} | {} | {} |",
            scenario.function,
            warm.calls,
            warm.round_trips,
            warm.read_units,
            warm.write_units,
            warm.kms_calls,
            cold.kms_calls
        )
        .unwrap();
        let most = match (scenario.function, scenario.name) {
            // A deployment that limits sessions counts them at each login.
            ("login", "one session too many") => 4,
            // To use the answer up, before the password is compared.
            ("login", "with a captcha" | "while the captcha's provider is down") => 4,
            ("login", _) => 3,
            // Whether the device is recognised, or to use the answer up. With a provider that is down, a limit of its own.
            (
                "login-email" | "password-forgot",
                "again on a known device" | "with a captcha" | "while the captcha's provider is down",
            ) => 4,
            ("login-email" | "password-forgot", _) => 3,
            // To refund what the right proof spent, and to see whether its event is one of a few that are recorded.
            ("login-email-verify", "of a banned account") => 7,
            ("login-email-verify", _) => 4,
            ("activity-list", _) => 2,
            // Whether its event is one of a few that are recorded.
            ("token-refresh", "of an ended session") => 4,
            ("token-refresh", _) => 2,
            ("profile-get", _) => 1,
            _ => usize::MAX,
        };
        assert!(warm.round_trips <= most, "{} takes {} round trips", scenario.title(), warm.round_trips);
        if scenario.function != "keys-rotate" {
            assert_eq!(warm.kms_calls, 0, "{}", scenario.title());
        }
    }
    let path = tests::repository("docs/prices.md");
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let (before, rest) = page.split_once("<!-- measured -->\n").expect("the page has a start of the table");
    let (published, after) = rest.split_once("<!-- /measured -->").expect("the page has an end of the table");
    if std::env::var_os("LATCHKEY_WRITE").is_some() {
        std::fs::write(path, format!("{before}<!-- measured -->\n{table}<!-- /measured -->{after}")).unwrap();
        return;
    }
    assert_eq!(
        published, table,
        "docs/prices.md has other prices. Run this test with LATCHKEY_WRITE=1 and review the change."
    );
}
