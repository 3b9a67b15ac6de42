//! A world that also serves the pages of an app, on the origin of the service.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use local::{Options, World};
use tests::repository;
use tokio::{net::TcpListener, task::JoinSet};

/// The policy of the app's pages: nothing but their own files and requests, no evaluation of text, and no text that becomes HTML or code.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// The page with this policy. Another one without it creates a worker, which needs a Trusted Types policy of the page.
const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>App</title>\
                    <input autocomplete=\"username webauthn\" aria-label=\"Name\"><script type=\"module\" src=\"/app/page.mjs\"></script>";

/// Answers a request.
type Handler = Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Response<Bytes>> + Send + Sync>;

/// A free port of `localhost`.
pub(super) struct Port {
    pub(super) url: String,
    listener: TcpListener,
}

impl Port {
    pub(super) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        Self { url, listener }
    }

    /// Serves until the result is dropped.
    pub(super) fn serve(self, handler: Handler) -> JoinSet<()> {
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = self.listener.accept().await {
                let handler = Arc::clone(&handler);
                let service = service_fn(move |request| handle(Arc::clone(&handler), request));
                let connection =
                    http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
                // A browser may close a connection that it did not need.
                connections.spawn(async move { drop(connection.await) });
            }
        });
        serving
    }
}

async fn handle(handler: Handler, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Ok(handler(Request::from_parts(parts, body)).await.map(Full::new))
}

/// A served world with an app at `/app/`.
pub(super) struct Host {
    pub(super) world: World,
    pub(super) url: String,
    _serving: JoinSet<()>,
}

impl Host {
    pub(super) async fn start(options: Options) -> Self {
        let port = Port::bind().await;
        let url = port.url.clone();
        let world = World::start(Options { base_url: url.clone(), ..options }).await.unwrap();
        let served = world.clone();
        let serving = port.serve(Arc::new(move |request| {
            let world = served.clone();
            Box::pin(async move {
                match request.uri().path().strip_prefix("/app/") {
                    Some(file) => answer(file),
                    None => world.request(request).await,
                }
            })
        }));
        Self { world, url, _serving: serving }
    }

    /// The number of invocations of a function.
    pub(super) fn invocations(&self, function: &str) -> u64 {
        self.world.costs().get(function).map_or(0, |cost| cost.invocations)
    }
}

fn answer(file: &str) -> Response<Bytes> {
    let (kind, body) = match file {
        "" | "open" => ("text/html", PAGE.into()),
        "latchkey.js" => ("text/javascript", std::fs::read(repository("shared/web/client/latchkey.js")).unwrap()),
        file => match std::fs::read(repository("tests/js_client").join(file)) {
            Ok(script) => ("text/javascript", script),
            Err(_) => ("text/plain", Vec::new()),
        },
    };
    let status = if kind == "text/plain" { StatusCode::NOT_FOUND } else { StatusCode::OK };
    let mut answer = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    if file != "open" {
        answer = answer.header(header::CONTENT_SECURITY_POLICY, POLICY);
    }
    answer.body(body.into()).unwrap()
}
