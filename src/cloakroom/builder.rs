//! Configures and starts a server.

use std::net::TcpListener;
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};

use crate::cloakroom::faults::{faults, registry};
use crate::cloakroom::reload::Reloader;
use crate::cloakroom::runtime::Runtime;
use crate::cloakroom::service::Place;
use crate::cloakroom::{Cloakroom, StartError, exposure};
use crate::config::{Config, Listen};
use crate::engine::Engine;
use crate::http;
use crate::http::{App, OpenListener, Reserved, Server};
use crate::operations::{AsyncOperation, Blocking, Operation, Registry};
use crate::roots::RootSpec;
use crate::store;
use crate::tokens::Tokens;

/// The configuration of a server to be started.
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    config: Config,
    operations: Vec<Arc<dyn Operation>>,
    without_built_in: bool,
    listeners: Vec<OpenListener>,
    tokens: Tokens,
    place: Option<Place>,
}

impl Default for Builder {
    fn default() -> Self {
        let config = Config {
            listen: Vec::new(),
            ..Config::default()
        };
        Self {
            config,
            operations: Vec::new(),
            without_built_in: false,
            listeners: Vec::new(),
            tokens: Tokens::none(),
            place: None,
        }
    }
}

impl Cloakroom {
    /// Creates a builder with the built-in operations and without listeners.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Replaces all settings, including the listen addresses, data folder and roots set before.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the data folder, `cloakroom-data` by default. Besides roots, the server writes only there.
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config.data = folder.into();
        self
    }

    /// Adds a folder that jobs may read and write.
    pub fn root(mut self, root: RootSpec) -> Self {
        self.config.roots.push(root);
        self
    }

    /// Adds an operation.
    pub fn operation(mut self, operation: impl Operation) -> Self {
        self.operations.push(Arc::new(operation));
        self
    }

    /// Adds an operation whose work is a future.
    pub fn async_operation(self, operation: impl AsyncOperation) -> Self {
        self.operation(Blocking(operation))
    }

    /// Leaves out the built-in operations.
    pub fn without_built_in(mut self) -> Self {
        self.without_built_in = true;
        self
    }

    /// Adds an address to listen on. Port 0 picks a free port. Without an address or a listener there is no HTTP.
    pub fn listen(mut self, address: impl Into<Listen>) -> Self {
        self.config.listen.push(address.into());
        self
    }

    /// Adds an open listener. For a tokio listener, call `into_std` first.
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listeners.push(OpenListener::Tcp(listener));
        self
    }

    /// Adds an open listener on a Unix domain socket with a path. Who may connect is up to the mode of the socket. The server
    /// neither changes nor removes the path.
    #[cfg(unix)]
    pub fn unix_listener(mut self, listener: UnixListener) -> Self {
        self.listeners.push(OpenListener::Unix(listener));
        self
    }

    /// Serves the API in the program's own server, as [`Cloakroom::service`].
    ///
    /// That server listens on `address` (of which the port only matters for links in callbacks) and passes on the requests for
    /// `path` and everything below it, without changing their path: `"/jobs"` makes `/jobs/v1/operations/zip` a submission. An
    /// empty path is the whole server. In axum that is `.route_service("/jobs/{*rest}", service)`; `nest_service` would remove the
    /// path.
    ///
    /// The address decides who may connect, exactly as an address to [listen](Self::listen) on, because this crate does not see
    /// the connections: on loopback or a Unix socket, clients need no token, and the `Host` of a request must be the address,
    /// `localhost` or one of [`Config::hosts`]. Beyond loopback, tokens are required. An address that is not true opens the API to
    /// others. If the server speaks TLS, or clients come through a proxy, set [`Config::public_url`], with which all links then
    /// begin; `path` is not appended to it.
    ///
    /// Timeouts and the number of connections are up to the program's server. It should drop the future of a response when its
    /// client disconnects: that cancels ephemeral jobs. A one-time result counts as downloaded when its last bytes are taken out
    /// of the body.
    pub fn mount(mut self, address: impl Into<Listen>, path: impl Into<String>) -> Self {
        self.place = Some(Place {
            address: address.into(),
            path: path.into(),
        });
        self
    }

    /// Sets the tokens that HTTP clients must present. Without tokens, every client that can connect has access.
    pub fn tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// Every reason why the server would not start, as far as they can be found without touching its data and listeners.
    pub(crate) fn faults(&self) -> Vec<StartError> {
        let config = match self.settings() {
            Ok(config) => config,
            Err(error) => return vec![error],
        };
        let registry = self.registry();
        let mut faults = faults(&config, self.tokens.are_required(), registry.as_ref());
        faults.extend(registry.err());
        faults
    }

    /// Opens the data, recovers interrupted jobs, begins to run jobs and listens. The server runs in the tokio runtime of the
    /// caller, which needs its timer and its I/O driver (`enable_all`) and must go on running.
    ///
    /// # Errors
    /// [`StartError`] if there is no tokio runtime, the configuration is invalid, or the data, a root or a listener cannot be
    /// used. Nothing runs then.
    pub async fn start(self) -> Result<Cloakroom, StartError> {
        let runtime = Runtime::current()?;
        let config = self.settings()?;
        exposure::check(&config, self.tokens.are_required()).map_err(StartError::Exposed)?;
        if let Err(reason) = exposure::check(&config, false) {
            self.tokens.forbid_off(reason);
        }
        let registry = self.registry()?;
        if let Some(fault) = http::check_routes(&config, &registry).into_iter().next() {
            return Err(fault.into());
        }
        // Before the first write. If another server uses the same data and address, the error should name the data.
        let reserved = match Reserved::new(&self.config.listen).await {
            Ok(reserved) => reserved,
            Err(error) => {
                store::check_unused(&config.data).map_err(StartError::Data)?;
                return Err(StartError::listen(error));
            }
        };
        let engine = Engine::start(&config, registry, self.tokens.at_start());
        let engine = Arc::new(engine.await?);
        let server = match listen(reserved, self.listeners).await {
            Ok(server) => server,
            Err(error) => {
                engine.drain(Duration::ZERO).await;
                return Err(error);
            }
        };
        let addresses = server.addresses();
        let base = base(&config, &addresses, self.place.as_ref());
        let (stop, stopped) = watch::channel(false);
        let app = Arc::new(App::new(
            Arc::clone(&engine),
            &config,
            Arc::new(self.tokens),
        ));
        let reloader = Arc::new(Reloader {
            app: Arc::clone(&app),
            operations: self.operations,
            without_built_in: self.without_built_in,
            listen: self.config.listen,
            config: Mutex::new(config.clone()),
        });
        let vital = engine.vital().clone();
        let serving = {
            let (app, vital) = (Arc::clone(&app), vital.clone());
            async move { server.serve(app, &config.limits, stopped, &vital).await }
        };
        Ok(Cloakroom {
            engine,
            app,
            place: self.place,
            runtime,
            addresses,
            base,
            stop,
            reloader,
            serving: Mutex::new(Some(vital.task("server", serving))),
        })
    }

    /// The settings, with the addresses of open listeners.
    fn settings(&self) -> Result<Config, StartError> {
        let mut config = self.config.clone();
        for listener in &self.listeners {
            let address = listener.address().map_err(StartError::Listener)?;
            config.listen.push(address);
        }
        if let Some(place) = &self.place {
            place.check()?;
            config.listen.push(place.address.clone());
        }
        Ok(config)
    }

    fn registry(&self) -> Result<Registry, StartError> {
        registry(&self.config, &self.operations, self.without_built_in)
    }
}

/// The base URL of links in callbacks and other messages that do not answer a request.
fn base(config: &Config, addresses: &[Listen], place: Option<&Place>) -> String {
    let public = config.public_url.as_ref().map(ToString::to_string);
    let is_tcp = |address: &&Listen| address.tcp().is_some();
    let first = || addresses.iter().find(is_tcp).map(Listen::url);
    public
        .or_else(first)
        .or_else(|| place?.url())
        .unwrap_or_else(|| "http://localhost".to_owned())
}

async fn listen(reserved: Reserved, open: Vec<OpenListener>) -> Result<Server, StartError> {
    let mut server = reserved.listen().await.map_err(StartError::listen)?;
    for listener in open {
        server.add(listener).map_err(StartError::Listener)?;
    }
    Ok(server)
}
