//! The main paths of the hosted pages in Firefox.

use tests::options;
use tokio::process::Command;

use super::{node, run};
use crate::browser::{Site, installed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_main_paths_work_in_firefox() {
    let test = "outside::firefox::the_main_paths_work_in_firefox";
    let Some(firefox) = installed(&["firefox", "firefox-esr"]) else {
        return tests::leave_out(test, "no Firefox here");
    };
    let folder = match node().await {
        Ok(folder) => folder,
        Err(why) => return tests::leave_out(test, why),
    };
    let site = Site::start(options()).await;
    let mut command = Command::new("node");
    command.arg("firefox.mjs").current_dir(folder).env("SITE", &site.url).env("FIREFOX", firefox);
    let done = run(&mut command).await;
    site.end().await;
    assert_eq!(done, Ok(()));
}
