//! Cold starts: the time from the start of a function's process to its first answer. A function that only says hello is the
//! yardstick. The table also has the size of each function's zip file.
//!
//! ```sh
//! cargo build --release --package functions --bins --examples && cargo bench --package tests --bench cold_start
//! ```
//!
//! A stub of Lambda's Runtime API runs the real binaries. They call the local cloud on a port. The functions take turns in one
//! run. The wall time includes the time that the local cloud takes, which is measured as this process's own CPU time and
//! printed. *beyond* is the wall time without it, as a multiple of hello-world's. CPU is the CPU time of the function alone,
//! which is what Lambda's smaller functions wait for.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends where something is not as it must be"
)]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use local::{Options, Server, World};
use serde_json::{Value, json};
use tests::{PASSWORD, event};
use tokio::{net::TcpListener, sync::oneshot};

const ROUNDS: usize = 21;

/// The event for the next process that asks, and the receiver of its answer.
type Pending = Arc<Mutex<Option<(Value, oneshot::Sender<Value>)>>>;

struct Bench {
    world: World,
    environment: BTreeMap<String, String>,
    binaries: PathBuf,
    pending: Pending,
}

/// One cold start. Times are in milliseconds.
#[derive(Clone, Copy)]
struct Sample {
    wall: f64,
    /// CPU time of the function.
    own: f64,
    /// CPU time of the local cloud and of the Runtime API's stub.
    cloud: f64,
}

/// Answers the Runtime API's calls (AWS Lambda developer guide, "Lambda runtime API").
async fn runtime_api(pending: Pending, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::GET {
        let Some((event, answered)) = pending.lock().unwrap().take() else {
            // The process has answered, and waits for more until it is ended.
            return std::future::pending().await;
        };
        *pending.lock().unwrap() = Some((Value::Null, answered));
        let deadline = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(15);
        let response = Response::builder()
            .header("lambda-runtime-aws-request-id", "1")
            .header("lambda-runtime-deadline-ms", deadline.as_millis().to_string())
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:bench");
        return Ok(response.body(Full::from(event.to_string())).unwrap());
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let (_, answered) = pending.lock().unwrap().take().unwrap();
    answered.send(serde_json::from_slice(&body).unwrap_or_default()).unwrap();
    Ok(Response::builder().status(202).body(Full::default()).unwrap())
}

/// Milliseconds of CPU time of a process's threads (Linux: proc(5), `schedstat`).
fn cpu(process: &str) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let times = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    times.sum::<f64>() / 1e6
}

impl Bench {
    async fn start() -> Self {
        let mut options = Options::in_memory();
        options.parameters.insert("OriginSecret".to_owned(), String::new());
        let world = World::start(options).await.unwrap();
        let aws = Server::bind(0).await.unwrap();
        let text = world.environment_file(aws.port());
        tokio::spawn(aws.serve_aws(world.clone(), std::future::pending()));
        let mut environment: BTreeMap<String, String> = text
            .lines()
            .map(|line| line.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();

        let pending = Pending::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let api = listener.local_addr().unwrap().to_string();
        let own = [
            ("AWS_LAMBDA_RUNTIME_API", api.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
        ];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let served = Arc::clone(&pending);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let pending = Arc::clone(&served);
                let service = service_fn(move |request| runtime_api(Arc::clone(&pending), request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        let target = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned();
        Self { world, environment, binaries: target, pending }
    }

    fn path(&self, function: &str) -> PathBuf {
        let folder = if function == "hello-world" { "examples" } else { "" };
        self.binaries.join(folder).join(function)
    }

    fn binary(&self, function: &str) -> PathBuf {
        let binary = self.path(function);
        assert!(binary.is_file(), "{} is not built", binary.display());
        binary
    }

    /// Starts a function's process, and ends it after its first answer.
    async fn invoke(&self, function: &str, event: Value) -> (Sample, Value) {
        let (answered, answer) = oneshot::channel();
        *self.pending.lock().unwrap() = Some((event, answered));
        let mut command = tokio::process::Command::new(self.binary(function));
        command.env_clear().envs(&self.environment).stdout(Stdio::null()).kill_on_drop(true);
        let (started, before) = (Instant::now(), cpu("self"));
        let mut process = command.spawn().unwrap();
        let answer = answer.await.unwrap();
        let wall = started.elapsed().as_secs_f64() * 1000.0;
        let sample = Sample { wall, own: cpu(&process.id().unwrap().to_string()), cloud: cpu("self") - before };
        process.kill().await.unwrap();
        (sample, answer)
    }

    async fn json(&self, function: &str, route: &str, token: Option<&str>, body: Option<Value>) -> (Sample, Value) {
        let path = route.split_once(' ').unwrap().1;
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
        let body = body.map(|body| body.to_string());
        let (sample, answer) = self.invoke(function, event(route, path, &headers, body.as_deref())).await;
        let status = answer["statusCode"].as_u64().unwrap();
        assert!((200..300).contains(&status), "{function}: {answer}");
        (sample, serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default())
    }

    /// Register, verify, log in, read the own profile, refresh. Each function starts cold.
    async fn journey(&self, address: &str) -> [Sample; 5] {
        let body = json!({ "email": address, "password": PASSWORD });
        let (register, answer) = self.json("register", "POST /v1/register", None, Some(body)).await;
        self.world.settle().await;
        let mail = self.world.mail().pop().unwrap();
        let code = mail.code().unwrap();
        let body = json!({ "registration_id": answer["registration_id"], "code": code });
        let (verify, _) = self.json("register-verify", "POST /v1/register/verify", None, Some(body)).await;
        let body = json!({ "identifier": address, "password": PASSWORD });
        let (login, session) = self.json("login", "POST /v1/login", None, Some(body)).await;
        let token = session["access_token"].as_str().unwrap();
        let (me, _) = self.json("profile-get", "GET /v1/me", Some(token), None).await;
        let body = json!({ "refresh_token": session["refresh_token"] });
        let (refresh, _) = self.json("token-refresh", "POST /v1/token/refresh", None, Some(body)).await;
        [register, verify, login, me, refresh]
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The size in MB of a file in a zip archive. Zip and gzip compress by the same method, DEFLATE.
fn zipped(file: &PathBuf) -> f64 {
    let compressed = std::process::Command::new("gzip").arg("-c").arg(file).output().unwrap().stdout;
    compressed.len() as f64 / 1e6
}

#[tokio::main]
async fn main() {
    // `cargo test --benches` measures nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let bench = Bench::start().await;
    let mut samples: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
    let mut journeys = Vec::new();
    for round in 0..ROUNDS {
        for function in ["hello-world", "not-found", "config"] {
            let (sample, _) = bench.invoke(function, event("$default", "/nothing", &[], None)).await;
            samples.entry(function).or_default().push(sample);
        }
        for (function, route) in [("jwks", "GET /.well-known/jwks.json"), ("health", "GET /v1/health")] {
            let (sample, _) = bench.json(function, route, None, None).await;
            samples.entry(function).or_default().push(sample);
        }
        let journey = bench.journey(&format!("ada{round}@example.org")).await;
        for (function, sample) in
            ["register", "register-verify", "login", "profile-get", "token-refresh"].into_iter().zip(journey)
        {
            samples.entry(function).or_default().push(sample);
        }
        journeys.push(journey.iter().map(|sample| sample.wall).sum::<f64>());
    }
    let of = |function: &str, value: fn(&Sample) -> f64| median(samples[function].iter().map(value));
    let hello = of("hello-world", |sample| sample.wall - sample.cloud);
    println!("Medians of {ROUNDS} cold starts, in ms:");
    println!("{:18} {:>7} {:>7} {:>7} {:>7} {:>8}", "function", "wall", "cloud", "CPU", "beyond", "zip MB");
    for function in samples.keys() {
        println!(
            "{function:18} {:7.1} {:7.1} {:7.1} {:7.2} {:8.2}",
            of(function, |sample| sample.wall),
            of(function, |sample| sample.cloud),
            of(function, |sample| sample.own),
            of(function, |sample| sample.wall - sample.cloud) / hello,
            zipped(&bench.binary(function)),
        );
    }
    println!("register, verify, log in, me, refresh, all cold: {:.1} ms", median(journeys.into_iter()));
    let built = functions::operations::OPERATIONS.iter().filter(|operation| bench.path(operation.name).is_file());
    let sizes: Vec<_> = built.map(|operation| (zipped(&bench.path(operation.name)), operation.name)).collect();
    let (largest, name) = sizes.iter().max_by(|one, other| one.0.total_cmp(&other.0)).unwrap();
    println!("the largest of {} zips: {name}, {largest:.2} MB", sizes.len());
}
