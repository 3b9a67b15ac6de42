//! `cargo run`: the whole service on this machine.

mod arguments;

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use arguments::{Arguments, Parsed};
use futures::future;
use local::{ACCESS_KEY, Data, Internet, Options, SECRET_KEY, Server, World};
use shared::domain::provider::{Hosts, Providers};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// The file in the data directory with the environment for `cargo lambda watch`.
const LAMBDA_ENV: &str = "lambda.env";

/// The name of the secret with the sign-in providers.
const PROVIDERS: &str = "sign-in-providers";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args().skip(1)) {
        Parsed::Run(arguments) => arguments,
        Parsed::Help => {
            let _ = io::stdout().write_all(arguments::USAGE.as_bytes());
            return ExitCode::SUCCESS;
        }
        Parsed::Wrong(problem) => {
            let _ = write!(io::stderr(), "{problem}\n\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    log();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(io::stderr(), "error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The document of the sign-in providers. It is checked here, so that a fault ends the start with its name.
fn providers(file: &Path) -> Result<String, String> {
    let document = std::fs::read_to_string(file).map_err(|problem| format!("{}: {problem}", file.display()))?;
    match Providers::parse(&document, Hosts::Loopback) {
        Ok(_) => Ok(document),
        Err(faults) => Err(format!("{}: {faults}", file.display())),
    }
}

/// Logs JSON as in Lambda. A terminal shows only warnings and errors by default.
fn log() {
    shared::log::start(io::stderr, shared::log::LevelFilter::WARN);
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    // Binds before it creates anything, so that a second start on the same port fails at once and leaves no trace.
    let server = Server::bind(arguments.port).await?;
    let aws = match arguments.aws_port {
        Some(port) => Some(Server::bind(port).await?),
        None => None,
    };
    let url = format!("http://localhost:{}", server.port());
    let (mut parameters, mut secrets) = (arguments.parameters, BTreeMap::new());
    if let Some(file) = &arguments.providers {
        secrets.insert(PROVIDERS.to_owned(), providers(file)?);
        parameters.insert("Providers".to_owned(), PROVIDERS.to_owned());
    }
    let data = arguments.data.map_or(Data::Memory, Data::Directory);
    let options = Options {
        parameters,
        secrets,
        internet: Internet::real()?,
        strict: arguments.strict,
        ses_sandbox: arguments.ses_sandbox,
        base_url: url.clone(),
        data: data.clone(),
        ..Options::in_memory()
    };
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let world = World::start(options).await?;
    if let (Some(aws), Data::Directory(directory)) = (&aws, &data) {
        std::fs::write(directory.join(LAMBDA_ENV), world.environment_file(aws.port()))?;
    }
    let routes: Vec<String> = world.routes().into_iter().map(|(route, _)| route).collect();
    welcome(&url, &routes, &data, aws.as_ref().map(Server::port))?;

    let (stop, stopping) = watch::channel(false);
    let stopped = || {
        let mut stopping = stopping.clone();
        async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    };
    let signals = async {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        stop.send_replace(true);
    };
    let aws = async {
        if let Some(aws) = aws {
            aws.serve_aws(world.clone(), stopped()).await;
        }
    };
    future::join3(signals, server.serve(world.clone(), stopped()), aws).await;
    Ok(())
}

/// Prints the addresses and the next steps for a newcomer. It names only routes that the template has.
fn welcome(url: &str, routes: &[String], data: &Data, aws_port: Option<u16>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "ready {url}")?;
    writeln!(out)?;
    if routes.iter().any(|route| route == "GET /") {
        writeln!(out, "  Pages      {url}/")?;
    }
    writeln!(out, "  Mailbox    {url}/_local/mail")?;
    writeln!(
        out,
        "  Try        curl {url}/v1/register -H 'Content-Type: application/json' -d '{{\"email\":\"you@example.com\"}}'"
    )?;
    writeln!(out, "             and read the code in the mailbox")?;
    writeln!(out, "  Cookies    in Chrome, Edge or Firefox; Safari keeps no Secure cookies of http://localhost")?;
    if routes.iter().any(|route| route == "GET /v1/admin/users") {
        writeln!(
            out,
            "  Admin      curl {url}/v1/admin/users --aws-sigv4 aws:amz:us-east-1:execute-api --user {ACCESS_KEY}:{SECRET_KEY}"
        )?;
    }
    match data {
        Data::Memory => writeln!(out, "  Data       in memory until this ends")?,
        Data::Directory(directory) => writeln!(out, "  Data       kept in {}", directory.display())?,
    }
    if let Some(port) = aws_port {
        writeln!(out, "  AWS        http://localhost:{port} (DynamoDB, KMS, Secrets Manager, SES; region us-east-1)")?;
        writeln!(
            out,
            "             AWS_ACCESS_KEY_ID={ACCESS_KEY} (or a function's name, for its role) AWS_SECRET_ACCESS_KEY={SECRET_KEY}"
        )?;
        if let Data::Directory(directory) = data {
            writeln!(out, "  Lambda     cargo lambda watch --env-file {}", directory.join(LAMBDA_ENV).display())?;
        }
    }
    writeln!(out, "  Stop       Ctrl-C")?;
    out.flush()
}
