//! The accept loop: bounded connections, time-outs, and an end in order.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::watch;

use crate::config::{Limits, Listen};
use crate::failpoints;
use crate::http::App;
use crate::http::response::body::Body;
use crate::http::routing::route;
use crate::http::server::activity::Pace;
use crate::http::server::connection_slots::{Place, Places};
use crate::http::server::listener::Listener;
use crate::http::server::timeouts::{Ending, Reply, TimeoutStream, Times};
use crate::vital::Vital;

/// How long connections get to take their last bytes at a stop.
const LAST_BYTES: Duration = Duration::from_secs(2);
/// The head of a request, in bytes: more is 431.
const HEAD_BYTES: usize = 64 * 1024;
/// After an accept that failed for want of descriptors: do not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listeners that are open and not served yet.
pub(crate) struct Server {
    listeners: Vec<Listener>,
}

impl Server {
    /// Opens every listener. A Unix socket that nobody listens on any more is replaced, so this wants the lock of the
    /// data to be held.
    ///
    /// # Errors
    /// The first one that cannot be listened on.
    pub(crate) async fn bind(addresses: &[Listen]) -> Result<Self, (Listen, io::Error)> {
        let mut listeners = Vec::new();
        for address in addresses {
            let listener = Listener::bind(address).await;
            listeners.push(listener.map_err(|e| (address.clone(), e))?);
        }
        Ok(Self { listeners })
    }

    /// Listens on one more, which is open already.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn add(&mut self, listener: TcpListener) -> io::Result<()> {
        self.listeners.push(Listener::of(listener)?);
        Ok(())
    }

    /// Where it listens: ports as the system gave them.
    pub(crate) fn addresses(&self) -> Vec<Listen> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// Serves until `stop` becomes true; then takes no more connections and ends those that are open.
    pub(crate) async fn serve(
        self,
        app: Arc<App>,
        limits: &Limits,
        stop: watch::Receiver<bool>,
        vital: &Vital,
    ) {
        let places = Places::new(limits.max_connections);
        let mut http = http1::Builder::new();
        http.max_buf_size(HEAD_BYTES);
        // Whether the client is gone is for us to find out.
        http.half_close(true);
        let times = Times {
            header: limits.header_read_timeout,
            idle: limits.keep_alive_timeout,
            stall: limits.body_idle_timeout,
        };
        let graceful = Arc::new(GracefulShutdown::new());
        let mut loops = Vec::new();
        for listener in self.listeners {
            let (app, http, places) = (Arc::clone(&app), http.clone(), Arc::clone(&places));
            let (graceful, mut stop) = (Arc::clone(&graceful), stop.clone());
            let serving = async move {
                tokio::select! {
                    () = accept(listener, app, http, times, places, graceful) => {}
                    // A sender that is gone means that the process ends.
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            };
            loops.push(vital.task("accept", serving));
        }
        let served = async {
            for serving in loops {
                // A panic there has been reported.
                let _ = serving.await;
            }
        };
        tokio::select! {
            () = served => {}
            () = app.access.keep_up() => {}
        }
        if let Some(graceful) = Arc::into_inner(graceful) {
            // Those that take longer are cut when the runtime goes.
            let _ = tokio::time::timeout(LAST_BYTES, graceful.shutdown()).await;
        }
    }
}

async fn accept(
    listener: Listener,
    app: Arc<App>,
    http: http1::Builder,
    times: Times,
    places: Arc<Places>,
    graceful: Arc<GracefulShutdown>,
) {
    // What goes on failing is told once.
    let mut is_told = false;
    loop {
        let (stream, local) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_about_one_connection(&error) {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(%error, "no connection can be accepted");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        failpoints::panic_point("accept");
        is_told = false;
        app.traffic.accepted.count();
        let open = app.traffic.open.enter();
        let (app, pace) = (Arc::clone(&app), Arc::new(Pace::default()));
        let must_leave = pace.asked_to_leave();
        let held = Arc::new(places.enter(&pace).await);
        let service = service_fn({
            let (pace, held) = (Arc::clone(&pace), Arc::clone(&held));
            move |request: Request<Incoming>| {
                let (app, answering) = (Arc::clone(&app), pace.begin(request.version()));
                let (pace, held) = (Arc::clone(&pace), Arc::clone(&held));
                async move {
                    let (response, ending) = answer(&app, request, local, &pace, &held).await;
                    pace.replied(response.body());
                    let reply = |body| Reply::new(body, answering, ending);
                    Ok::<_, Infallible>(response.map(reply))
                }
            }
        });
        let socket = TimeoutStream::new(stream, pace, times);
        let connection = graceful.watch(http.serve_connection(TokioIo::new(socket), service));
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                biased;
                ended = connection.as_mut() => ended,
                _ = must_leave => {
                    if held.may_close() {
                        Ok(())
                    } else {
                        // It closes after the reply.
                        connection.await
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(open);
        });
    }
}

/// Answers a request if its connection has a place, or needs none.
async fn answer(
    app: &Arc<App>,
    request: Request<Incoming>,
    local: Option<IpAddr>,
    pace: &Arc<Pace>,
    held: &Place,
) -> (Response<Body>, Option<Ending>) {
    let is_health = held.is_in_reserve() && route::is_health_check(request.method(), request.uri());
    let (mut response, ending) = if is_health || held.admit().await {
        app.answer(request, local, pace).await
    } else {
        (app.too_many_connections(request), None)
    };
    if held.is_in_reserve() || pace.must_leave() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    (response, ending)
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput, NotConnected,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput | NotConnected
    )
}
