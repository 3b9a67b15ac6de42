//! The captcha providers of the internet, as far as browsers see them: scripts with the API that each provider documents, and widgets in frames.
//! A browser with [`CaptchaProvider::arguments`] finds them at their own addresses.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use http::{Request, Response, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

/// The hosts, of which subdomains have a star.
const HOSTS: [&str; 6] = [
    "www.google.com",
    "recaptcha.google.com",
    "www.gstatic.com",
    "hcaptcha.com",
    "*.hcaptcha.com",
    "challenges.cloudflare.com",
];

/// What every script does: `draw` puts a frame into an element, and hands on what the frame says.
const SHARED: &str = "
    const query = new URL(document.currentScript.src).searchParams;
    const widgets = new Map();
    let count = 0;
    addEventListener('message', ({ source, data }) => {
      for (const { frame, parameters } of widgets.values()) {
        if (frame.contentWindow === source) parameters[data.event]?.(data.value);
      }
    });
    function draw(box, parameters, address) {
      if (typeof parameters.sitekey !== 'string' || typeof parameters.callback !== 'function') throw new Error('parameters');
      const frame = document.createElement('iframe');
      const shown = Object.entries({ hl: query.get('hl') ?? '', ...parameters }).filter(([, value]) => typeof value === 'string');
      frame.src = `${address}?${new URLSearchParams(shown)}`;
      frame.title = 'Widget';
      frame.width = parameters.size === 'compact' ? 158 : 302;
      frame.height = parameters.size === 'compact' ? 140 : 76;
      frame.style.border = '0';
      box.append(frame);
      widgets.set(String(++count), { frame, parameters });
      return String(count);
    }
    function remove(id) {
      widgets.get(id).frame.remove();
      widgets.delete(id);
    }
    if (query.get('render') !== 'explicit') throw new Error('render');
    const ready = () => globalThis[query.get('onload')]();
";

/// A state of the providers.
#[derive(Default)]
struct State {
    /// The answers that come next. Later ones are right.
    answers: Mutex<VecDeque<String>>,
    /// What was asked for: host, path and query, and the header `Referer`.
    asked: Mutex<Vec<(String, String)>>,
    count: AtomicUsize,
    /// Whether every connection fails, as with a blocker.
    blocks: AtomicBool,
    /// Whether scripts are empty, as with a blocker that replaces them.
    replaces: AtomicBool,
}

/// The providers, on a port of this machine.
pub(crate) struct CaptchaProvider {
    state: Arc<State>,
    port: u16,
    serving: JoinHandle<()>,
}

impl CaptchaProvider {
    pub(crate) async fn start() -> Self {
        let own = rcgen::generate_simple_self_signed(HOSTS.map(str::to_owned)).unwrap();
        let key = PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let serving = tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&state)));
        Self { state, port, serving }
    }

    /// What makes a browser find the providers here.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let rules: Vec<String> = HOSTS.iter().map(|host| format!("MAP {host} 127.0.0.1:{}", self.port)).collect();
        vec![format!("--host-resolver-rules={}", rules.join(",")), "--ignore-certificate-errors".to_owned()]
    }

    /// Gives these answers next. An answer says what the provider's server says of it (`infra/local/src/aws/siteverify.rs`). An empty one is
    /// an error of the widget.
    pub(crate) fn will_answer(&self, answers: &[&str]) {
        self.state.answers.lock().unwrap().extend(answers.iter().map(|answer| (*answer).to_owned()));
    }

    /// Whether connections fail from now on.
    pub(crate) fn block(&self, blocks: bool) {
        self.state.blocks.store(blocks, Ordering::SeqCst);
    }

    /// Whether scripts are empty from now on.
    pub(crate) fn replace(&self, replaces: bool) {
        self.state.replaces.store(replaces, Ordering::SeqCst);
    }

    /// What was asked for: host, path and query, and the header `Referer`.
    pub(crate) fn asked(&self) -> Vec<(String, String)> {
        self.state.asked.lock().unwrap().clone()
    }

    pub(crate) async fn end(self) {
        self.serving.abort();
        let _ = self.serving.await;
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        tokio::spawn(async move {
            if state.blocks.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let answer = service_fn(|request| {
                let answer = answer(&state, &request);
                async { Ok::<_, Infallible>(answer) }
            });
            // One request, so that a block holds for the next one.
            let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn answer(state: &State, request: &Request<Incoming>) -> Response<String> {
    let sent = |name: header::HeaderName| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let host = sent(header::HOST);
    let target = request.uri().path_and_query().unwrap().as_str();
    state.asked.lock().unwrap().push((format!("{host}{target}"), sent(header::REFERER)));
    let script = |own: &str| {
        let text = if state.replaces.load(Ordering::SeqCst) { String::new() } else { format!("{{ {SHARED} {own} }}") };
        ("text/javascript", text)
    };
    let (kind, text) = match (host.as_str(), request.uri().path()) {
        // As the real one, it loads its larger part from another host, by a trusted type, and its markup has style attributes.
        ("www.google.com", "/recaptcha/api.js") => script(
            "if (query.get('trustedtypes') !== 'true') throw new Error('trustedtypes');
             const types = globalThis.trustedTypes?.createPolicy('recaptcha', { createScriptURL: (url) => url });
             const part = document.createElement('script');
             const url = `https://www.gstatic.com/recaptcha/releases/1/recaptcha__en.js?${query}`;
             part.src = types ? types.createScriptURL(url) : url;
             document.head.append(part);",
        ),
        ("www.gstatic.com", "/recaptcha/releases/1/recaptcha__en.js") => script(
            "const types = globalThis.trustedTypes?.createPolicy('goog#html', { createHTML: (text) => text });
             const markup = '<div style=\"width: 304px\"></div>';
             globalThis.grecaptcha = {
               render(box, parameters) {
                 const holder = document.createElement('div');
                 holder.innerHTML = types ? types.createHTML(markup) : markup;
                 box.append(holder);
                 return draw(holder.firstChild, parameters, 'https://www.google.com/recaptcha/api2/anchor');
               },
             };
             ready();",
        ),
        ("js.hcaptcha.com", "/1/api.js") => script(
            "const style = document.createElement('link');
             style.rel = 'stylesheet';
             style.href = 'https://newassets.hcaptcha.com/1/style.css';
             document.head.append(style);
             fetch('https://api.hcaptcha.com/stats', { mode: 'no-cors' });
             globalThis.hcaptcha = {
               remove,
               render: (box, parameters) => draw(box, parameters, 'https://newassets.hcaptcha.com/1/hcaptcha.html'),
             };
             ready();",
        ),
        ("challenges.cloudflare.com", "/turnstile/v0/api.js") => script(
            "globalThis.turnstile = {
               remove,
               render: (box, parameters) => draw(box, parameters, 'https://challenges.cloudflare.com/turnstile/v0/frame'),
             };
             ready();",
        ),
        (_, "/1/style.css") => ("text/css", String::new()),
        (_, "/stats") => ("text/plain", String::new()),
        (_, "/recaptcha/api2/anchor" | "/1/hcaptcha.html" | "/turnstile/v0/frame") => {
            let query = request.uri().query().unwrap_or_default();
            let value = |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(it, _)| it == name);
            let action = value("action").map(|(_, action)| action.into_owned()).unwrap_or_default();
            let count = state.count.fetch_add(1, Ordering::SeqCst);
            let next = state.answers.lock().unwrap().pop_front();
            let right = format!("pass|localhost|{action}|0.9{count:04}");
            let answer = serde_json::Value::String(next.unwrap_or(right));
            let dark = value("theme").is_some_and(|(_, theme)| theme == "dark");
            let (page, edge) = if dark { ("#222; color: #fff", "#555") } else { ("#fafafa; color: #222", "#ccc") };
            let text = format!(
                "<!DOCTYPE html><html lang=\"en\"><title>Widget</title>
                 <body style=\"margin: 0; box-sizing: border-box; height: 100vh; border: 1px solid {edge}; background: {page}\">
                 <button id=\"check\" style=\"margin: 12px; min-height: 44px; font: 16px sans-serif\">I am human</button>
                 <script>
                   const answer = {answer};
                   const tell = (event, value) => parent.postMessage({{ event, value }}, '*');
                   document.getElementById('check').onclick = () => tell(answer ? 'callback' : 'error-callback', answer || 'network-error');
                   document.body.ondblclick = () => tell('expired-callback');
                 </script>"
            );
            ("text/html", text)
        }
        _ => panic!("no provider has https://{host}{target}"),
    };
    Response::builder().header(header::CONTENT_TYPE, kind).body(text).unwrap()
}
