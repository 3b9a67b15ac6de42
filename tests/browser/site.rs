//! A world that serves HTTP, for a browser.

use local::{Options, Server, World};
use tokio::{sync::oneshot, task::JoinHandle};

/// A served world.
pub(crate) struct Site {
    /// The world.
    pub(crate) world: World,
    /// Its public URL.
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Site {
    /// Serves a world on a free port.
    pub(crate) async fn start(options: Options) -> Self {
        let server = Server::bind(0).await.unwrap();
        let url = format!("http://localhost:{}", server.port());
        let world = World::start(Options { base_url: url.clone(), ..options }).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve(world.clone(), async {
            let _ = stopped.await;
        }));
        Self { world, url, stop, serving }
    }

    pub(crate) async fn end(self) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap();
    }
}
