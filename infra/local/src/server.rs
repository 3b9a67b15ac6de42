//! Serving a world on loopback ports.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    gateway::{self, MAX_BODY_BYTES},
    world::World,
};

mod aws_port;

/// The time that open requests have to finish when the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of attempts to find a port that is free for IPv4 and IPv6.
const BIND_ATTEMPTS: usize = 20;

/// Why a port could not be served.
#[derive(Debug)]
pub struct ServerError {
    port: u16,
    problem: io::Error,
}

impl fmt::Display for ServerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem.kind() {
            io::ErrorKind::AddrInUse => {
                write!(formatter, "port {} is in use; choose another (0 takes any free one)", self.port)
            }
            _ => write!(formatter, "port {}: {}", self.port, self.problem),
        }
    }
}

impl std::error::Error for ServerError {}

/// A bound port on loopback. `localhost` can be an IPv4 or an IPv6 address, so the port is bound for both.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    port: u16,
}

/// Answers a request. `None` breaks the connection.
type Handler = Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Option<Response<Bytes>>> + Send + Sync>;

impl Server {
    /// Binds a port. Port 0 takes any free port.
    ///
    /// # Errors
    ///
    /// If the port is in use.
    pub async fn bind(port: u16) -> Result<Self, ServerError> {
        let failed = |problem| ServerError { port, problem };
        let mut attempts = if port == 0 { BIND_ATTEMPTS } else { 1 };
        loop {
            let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
            let chosen = first.local_addr().map_err(failed)?.port();
            attempts -= 1;
            match TcpListener::bind((Ipv6Addr::LOCALHOST, chosen)).await {
                Ok(second) => return Ok(Self { listeners: vec![first, second], port: chosen }),
                // Without this port on both, another program would get the requests to [::1].
                Err(problem) if problem.kind() == io::ErrorKind::AddrInUse => {
                    if attempts == 0 {
                        return Err(failed(problem));
                    }
                }
                // This machine has no IPv6.
                Err(_) => return Ok(Self { listeners: vec![first], port: chosen }),
            }
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Serves the API and the routes under `/_local`. It ends when `stop` completes and open requests are answered.
    pub async fn serve(self, world: World, stop: impl Future<Output = ()>) {
        let port = self.port;
        let handler: Handler = Arc::new(move |request| {
            let world = world.clone();
            Box::pin(async move {
                Some(match to_localhost(&request, port) {
                    Some(redirect) => redirect,
                    None => world.request(request).await,
                })
            })
        });
        self.run(handler, stop).await;
    }

    /// Serves the endpoints of DynamoDB, KMS, Secrets Manager and SES until `stop` completes.
    pub async fn serve_aws(self, world: World, stop: impl Future<Output = ()>) {
        let handler: Handler = Arc::new(move |request| {
            let world = world.clone();
            Box::pin(async move { aws_port::answer(world.cloud(), request).await })
        });
        self.run(handler, stop).await;
    }

    async fn run(self, handler: Handler, stop: impl Future<Output = ()>) {
        let (stopping, stopped) = watch::channel(false);
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            accepting.spawn(accept(listener, Arc::clone(&handler), stopped.clone()));
        }
        stop.await;
        stopping.send_replace(true);
        accepting.join_all().await;
    }
}

/// A redirect to the name `localhost`, if a browser opens a page by an address of loopback. Cookies, links and passkeys belong to that
/// name, so a login by address fails.
fn to_localhost(request: &Request<Bytes>, port: u16) -> Option<Response<Bytes>> {
    let sent = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    if request.method() != Method::GET || sent("sec-fetch-mode")? != b"navigate" {
        return None;
    }
    let host = sent("host")?;
    if !["127.0.0.1", "[::1]"].iter().any(|address| host == format!("{address}:{port}").as_bytes()) {
        return None;
    }
    let target = request.uri().path_and_query()?;
    let redirect = Response::builder()
        .status(StatusCode::TEMPORARY_REDIRECT)
        .header(header::LOCATION, format!("http://localhost:{port}{target}"));
    redirect.body(Bytes::new()).ok()
}

async fn accept(listener: TcpListener, handler: Handler, mut stopped: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(problem) => {
                    tracing::warn!(%problem, "a connection was not accepted");
                    // The likely reason is a lack of file descriptors, so an immediate retry would only use CPU time.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = stopped.changed() => break,
        };
        let handler = Arc::clone(&handler);
        let service = service_fn(move |request| handle(Arc::clone(&handler), request, peer));
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(problem) = watched.await {
                tracing::debug!(%problem, "a connection broke");
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await;
}

/// The error that makes the server break a connection.
#[derive(Debug)]
struct Break;

impl fmt::Display for Break {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection is broken on purpose")
    }
}

impl std::error::Error for Break {}

impl From<Infallible> for Break {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

async fn handle(
    handler: Handler,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Full<Bytes>>, Break> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(problem) if problem.is::<LengthLimitError>() => {
            let answer = gateway::own_response(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
            return Ok(answer.map(Full::new));
        }
        Err(_) => return Err(Break),
    };
    let mut request = Request::from_parts(parts, body);
    request.extensions_mut().insert(peer);
    handler(request).await.map(|response| response.map(Full::new)).ok_or(Break)
}
