//! The accept loop: a limit on connections, timeouts and a graceful stop.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::header::{CONNECTION, HeaderValue};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::watch;

use crate::config::{Limits, Listen};
use crate::failpoints;
use crate::http::App;
use crate::http::dispatch::{Answered, Arrival};
use crate::http::request::request_body::RequestBody;
use crate::http::routing::paths;
use crate::http::server::activity::Activity;
use crate::http::server::connection_slots::{Slot, Slots};
use crate::http::server::listener::{Listener, OpenListener, Reservation};
use crate::http::server::timeouts::{TimedBody, TimeoutStream, Timeouts};
use crate::vital::Vital;

/// How long open connections have to finish when the server stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);
/// The longest head of a request, in bytes. The answer to a longer one is 431.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The pause after a failed accept, for example for lack of file descriptors.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Open listeners that are not served yet.
pub(crate) struct Server {
    listeners: Vec<Listener>,
}

/// The addresses of a server that does not listen yet.
pub(crate) struct Reserved(Vec<(Listen, Reservation)>);

impl Reserved {
    /// Reserves every address, without a trace in the file system.
    ///
    /// # Errors
    /// The first address that is not free or cannot be bound, with the error.
    pub(crate) async fn new(addresses: &[Listen]) -> Result<Self, (Listen, io::Error)> {
        let mut reserved: Vec<(Listen, Reservation)> = Vec::new();
        for address in addresses {
            let is_taken = !has_any_port(address) && reserved.iter().any(|(own, _)| own == address);
            let reservation = if is_taken {
                Err(io::ErrorKind::AddrInUse.into())
            } else {
                Reservation::new(address).await
            };
            let reservation = reservation.map_err(|error| (address.clone(), error))?;
            reserved.push((address.clone(), reservation));
        }
        Ok(Self(reserved))
    }

    /// Opens the listeners. A Unix socket without a listening process is replaced, so the caller must hold the lock of the
    /// data folder.
    ///
    /// # Errors
    /// The first address that cannot be listened on, with the error.
    pub(crate) async fn listen(self) -> Result<Server, (Listen, io::Error)> {
        let mut listeners = Vec::new();
        for (address, reservation) in self.0 {
            let listener = reservation.listen().await;
            listeners.push(listener.map_err(|error| (address, error))?);
        }
        Ok(Server { listeners })
    }
}

/// Whether the system chooses the port.
fn has_any_port(address: &Listen) -> bool {
    address.tcp().is_some_and(|address| address.port() == 0)
}

impl Server {
    /// Adds a listener that is already open.
    ///
    /// # Errors
    /// The error of a listener that cannot be made non-blocking or has no address.
    pub(crate) fn add(&mut self, listener: OpenListener) -> io::Result<()> {
        self.listeners.push(Listener::of(listener)?);
        Ok(())
    }

    /// The addresses of the listeners, with the ports that the system chose.
    pub(crate) fn addresses(&self) -> Vec<Listen> {
        self.listeners.iter().map(Listener::address).collect()
    }

    /// Serves until `stop` becomes true. Then it accepts no more connections and closes the open ones gracefully.
    pub(crate) async fn serve(
        self,
        app: Arc<App>,
        limits: &Limits,
        stop: watch::Receiver<bool>,
        vital: &Vital,
    ) {
        let slots = Slots::new(limits.max_connections);
        let mut http = http1::Builder::new();
        http.max_buf_size(MAX_HEAD_BYTES);
        // The server itself detects clients that hang up; see `hangup`.
        http.half_close(true);
        let timeouts = Timeouts {
            header_read: limits.header_read_timeout,
            keep_alive: limits.keep_alive_timeout,
            write_stall: limits.body_idle_timeout,
        };
        let graceful = Arc::new(GracefulShutdown::new());
        let mut loops = Vec::new();
        for listener in self.listeners {
            let (app, http, slots) = (Arc::clone(&app), http.clone(), Arc::clone(&slots));
            let (graceful, mut stop) = (Arc::clone(&graceful), stop.clone());
            let serving = async move {
                tokio::select! {
                    () = accept(listener, app, http, timeouts, slots, graceful) => {}
                    // A dropped sender means that the process ends.
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            };
            loops.push(vital.task("accept", serving));
        }
        let mut stop = stop;
        let served = async {
            if loops.is_empty() {
                // Another server serves this one, or there is no HTTP. An error means that the process ends.
                let _ = stop.wait_for(|stop| *stop).await;
            }
            for serving in loops {
                // A panic in the task has been reported by `vital`.
                let _ = serving.await;
            }
        };
        tokio::select! {
            () = served => {}
            () = app.access.keep_up() => {}
        }
        if let Some(graceful) = Arc::into_inner(graceful) {
            // Connections that take longer are closed with the runtime.
            let _ = tokio::time::timeout(SHUTDOWN_GRACE, graceful.shutdown()).await;
        }
        app.access.save_uses().await;
    }
}

async fn accept(
    listener: Listener,
    app: Arc<App>,
    http: http1::Builder,
    timeouts: Timeouts,
    slots: Arc<Slots>,
    graceful: Arc<GracefulShutdown>,
) {
    // A lasting failure is logged once.
    let mut is_logged = false;
    loop {
        let (stream, local) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_about_one_connection(&error) {
                    if !std::mem::replace(&mut is_logged, true) {
                        tracing::warn!(%error, "connections cannot be accepted; the server keeps trying");
                    }
                    tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
                }
                continue;
            }
        };
        failpoints::panic_point("accept");
        is_logged = false;
        app.requests.accepted.count();
        let open = app.requests.open.enter();
        let (app, activity) = (Arc::clone(&app), Arc::new(Activity::default()));
        let request_ids = Arc::clone(&app.request_ids);
        let must_leave = activity.asked_to_leave();
        let slot = Arc::new(slots.enter(&activity).await);
        let service = service_fn({
            let (activity, slot) = (Arc::clone(&activity), Arc::clone(&slot));
            move |request: Request<Incoming>| {
                let (app, in_progress) =
                    (Arc::clone(&app), activity.begin_request(request.version()));
                let (activity, slot) = (Arc::clone(&activity), Arc::clone(&slot));
                async move {
                    let request = request.map(RequestBody::Incoming);
                    let answered = answer(&app, request, local, &activity, &slot).await;
                    let Answered {
                        response,
                        ending,
                        log,
                    } = answered;
                    activity.note_response(response.body());
                    let timed = |body| TimedBody::new(body, in_progress, ending, log);
                    Ok::<_, Infallible>(response.map(timed))
                }
            }
        });
        let socket = TimeoutStream::new(stream, activity, timeouts, request_ids);
        let connection = graceful.watch(http.serve_connection(TokioIo::new(socket), service));
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                biased;
                ended = connection.as_mut() => ended,
                _ = must_leave => {
                    if slot.may_close() {
                        Ok(())
                    } else {
                        // The connection closes after the response.
                        connection.await
                    }
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection was closed early");
            }
            drop(open);
        });
    }
}

/// Answers a request if its connection has a slot within the limit, or is a health check.
async fn answer(
    app: &Arc<App>,
    request: Request<RequestBody>,
    local: Option<IpAddr>,
    activity: &Arc<Activity>,
    slot: &Slot,
) -> Answered {
    let is_health = slot.is_in_reserve() && paths::is_health_check(request.method(), request.uri());
    let mut answered = if is_health || slot.admit().await {
        let arrival = Arrival { local, below: "" };
        app.answer(request, arrival, activity).await
    } else {
        app.too_many_connections(request)
    };
    if slot.is_in_reserve() || activity.must_leave() {
        let close = HeaderValue::from_static("close");
        answered.response.headers_mut().insert(CONNECTION, close);
    }
    answered
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
