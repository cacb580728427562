//! Encryption of outgoing connections, with the roots that this machine trusts.

use std::sync::{Arc, LazyLock};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::address::plain_name;

/// Read when they are needed first: a server that calls nobody by https has no use for them.
static CONNECTOR: LazyLock<Result<TlsConnector, String>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(
            "this machine has no root certificates; install its ca-certificates, or name a file of them in SSL_CERT_FILE"
                .into(),
        );
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
});

/// Makes an encrypted connection of a plain one, to whoever proves to be `host`.
///
/// # Errors
/// A sentence's end that says why not.
pub(super) async fn encrypt<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
) -> Result<TlsStream<S>, String> {
    // Reading the roots takes some milliseconds of a processor, once.
    let connector = CONNECTOR.as_ref().map_err(Clone::clone)?;
    let name = ServerName::try_from(plain_name(host).to_owned())
        .map_err(|_| "its name cannot stand in a certificate".to_owned())?;
    connector
        .connect(name, stream)
        .await
        .map_err(|error| error.to_string())
}
