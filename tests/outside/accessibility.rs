//! Every hosted page in each of its states, for axe-core, HTML_CodeSniffer and the Nu HTML checker (WCAG 2.2 AA). The states are in
//! accessibility_states.mjs. Screenshots of them are in `target/screenshots`.
//!
//! Each state is reached once more in the pseudo-locale of debug builds, where hard-coded and cut-off texts show.

use std::{path::Path, time::Duration};

use serde_json::{Map, Value};
use tests::{options, provider, repository};
use tokio::process::Command;

use super::node;
use crate::{
    browser::{Site, installed},
    programs,
};

/// The pseudo-locale of a debug build.
const PSEUDO: &str = "en-x-pseudo";

/// The time that the states of one area have.
const PATIENCE: Duration = Duration::from_secs(1200);

/// A deployment by its name in the states: with limits, and with these parameters.
struct Deployment(&'static str, bool, &'static [(&'static str, &'static str)]);

const DEFAULT: Deployment = Deployment("default", false, &[]);
const CLOSED: Deployment = Deployment("closed", false, &[("SignUp", "off")]);
const USERNAMES: Deployment = Deployment("usernames", false, &[("UsernameRegistration", "true")]);
const STRICT: Deployment = Deployment("strict", true, &[("Captcha", "never")]);
const LINKS: Deployment = Deployment("links", false, &[("LoginMail", "link")]);
const CODES: Deployment = Deployment("codes", false, &[("UnknownDeviceCode", "true")]);
const CAPTCHA: Deployment = Deployment(
    "captcha",
    false,
    &[
        ("Captcha", "always"),
        ("CaptchaProvider", "turnstile"),
        ("CaptchaSiteKey", "site-key"),
        ("CaptchaSecret", "captcha-secret"),
    ],
);
/// With everything that a deployment can add to the pages.
const BRANDED: Deployment = Deployment(
    "branded",
    false,
    &[
        ("ProductName", "Tulip & Co"),
        ("AccentColor", "#ffd60a"),
        ("TermsUrl", "https://example.com/terms"),
        ("PrivacyUrl", "https://example.com/privacy"),
        ("Providers", provider::PROVIDERS),
    ],
);

const REGISTRATION: &[Deployment] = &[DEFAULT, CLOSED, USERNAMES, STRICT, BRANDED, CAPTCHA];
const RECOVERY: &[Deployment] = &[DEFAULT];
const LOGIN: &[Deployment] = &[DEFAULT, LINKS, CODES, BRANDED];
const ACCOUNT: &[Deployment] = &[DEFAULT];

async fn check(area: &str, deployments: &[Deployment]) {
    check_in(None, area, deployments).await;
}

/// As [`check`], in a language that only a debug build has.
async fn check_in(locale: Option<&str>, area: &str, deployments: &[Deployment]) {
    let test = format!("outside::accessibility: {area}");
    let (Some(chromium), Some(_)) =
        (installed(&["chromium", "chromium-browser", "google-chrome"]), installed(&["java"]))
    else {
        return tests::leave_out(&test, "no Chromium or no Java here");
    };
    let folder: &Path = match node().await {
        Ok(folder) => folder,
        Err(why) => return tests::leave_out(&test, why),
    };
    let mut sites = Vec::new();
    let mut urls = Map::new();
    for Deployment(name, strict, parameters) in deployments {
        let mut options = local::Options { strict: *strict, ..options() };
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        options.parameters.extend(parameters);
        let site = Site::start(options).await;
        urls.insert((*name).to_owned(), Value::String(site.url.clone()));
        sites.push(site);
    }
    let mut command = Command::new("node");
    command
        .arg("accessibility.mjs")
        .current_dir(folder)
        .env("AREA", area)
        .env("SITES", Value::Object(urls).to_string());
    command.env("CHROMIUM", chromium).env("SCREENSHOTS", repository("target/screenshots"));
    if let Some(locale) = locale {
        command.env("LOCALE", locale);
    }
    let done = programs::run_within(&mut command, PATIENCE).await;
    for site in sites {
        site.end().await;
    }
    if let Err(output) = done {
        panic!("{area}: {output}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_state_of_a_registration_has_no_findings() {
    check("registration", REGISTRATION).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_state_of_a_recovery_has_no_findings() {
    check("recovery", RECOVERY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_state_of_a_login_has_no_findings() {
    check("login", LOGIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_state_of_an_account_has_no_findings() {
    check("account", ACCOUNT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_of_a_registration_is_hard_coded_or_cut_off() {
    check_in(Some(PSEUDO), "registration", REGISTRATION).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_of_a_recovery_is_hard_coded_or_cut_off() {
    check_in(Some(PSEUDO), "recovery", RECOVERY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_of_a_login_is_hard_coded_or_cut_off() {
    check_in(Some(PSEUDO), "login", LOGIN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_of_an_account_is_hard_coded_or_cut_off() {
    check_in(Some(PSEUDO), "account", ACCOUNT).await;
}
