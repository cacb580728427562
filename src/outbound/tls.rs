//! Encryption of outgoing connections, and whom to believe: the roots that this machine trusts, or those of a file.

use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use rustls_native_certs::CertificateResult;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use crate::address::plain_name;

/// Read when they are needed first: a server that calls nobody by https has no use for them.
static MACHINE: LazyLock<Result<Trust, String>> = LazyLock::new(|| {
    Trust::of(rustls_native_certs::load_native_certs())?.ok_or_else(|| {
        "this machine has no root certificates; install its ca-certificates, or name a file of them in SSL_CERT_FILE"
            .into()
    })
});

/// Whom to believe.
#[derive(Clone)]
pub(crate) struct Trust(TlsConnector);

/// Why a connection is not encrypted. Each text is the end of a sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// We believe nobody.
    #[error("{0}")]
    NoRoots(String),
    /// Nobody can prove to be called that.
    #[error("its name cannot stand in a certificate")]
    Name,
    /// Whoever signed it is unknown to us.
    #[error("its certificate is signed by no authority that is trusted here")]
    Issuer,
    /// It is somebody else's certificate.
    #[error("its certificate is not for {expected}, but for {}", one_of(.presented))]
    OtherName {
        /// What was asked for.
        expected: String,
        /// What it is for.
        presented: Vec<String>,
    },
    /// The clock is past its end.
    #[error("its certificate has expired")]
    Expired,
    /// The clock is before its beginning.
    #[error("its certificate is not valid yet; is the clock right?")]
    NotYet,
    /// The connection broke.
    #[error("{0}")]
    Io(io::Error),
    /// Anything else about TLS.
    #[error("{0}")]
    Tls(rustls::Error),
}

impl Trust {
    /// The roots that this machine trusts.
    ///
    /// # Errors
    /// There are none.
    pub(crate) fn machine() -> Result<Self, Fault> {
        // Reading the roots takes some milliseconds of a processor, once.
        MACHINE.clone().map_err(Fault::NoRoots)
    }

    /// The authorities whose certificates are in a file of PEM, and no other.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn file(path: &Path) -> Result<Self, String> {
        let found = rustls_native_certs::load_certs_from_paths(Some(path), None);
        if let Some(error) = found.errors.first() {
            return Err(error.to_string());
        }
        Self::of(found)?
            .ok_or_else(|| "it holds no certificate (-----BEGIN CERTIFICATE-----)".into())
    }

    fn of(found: CertificateResult) -> Result<Option<Self>, String> {
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            return Ok(None);
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Some(Self(TlsConnector::from(Arc::new(config)))))
    }

    /// Makes an encrypted connection of a plain one, to whoever proves to be `host`.
    ///
    /// # Errors
    /// [`InvalidParam`].
    pub(crate) async fn encrypt<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        host: &str,
    ) -> Result<TlsStream<S>, Fault> {
        let name = ServerName::try_from(plain_name(host).to_owned()).map_err(|_| Fault::Name)?;
        self.0.connect(name, stream).await.map_err(Fault::from)
    }
}

impl Fault {
    /// Whether it may be another time: nobody has shown a wrong certificate.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<rustls::Error>() {
            Ok(error) => error,
            Err(error) => return Self::Io(error),
        };
        match error {
            rustls::Error::InvalidCertificate(reason) => match reason {
                // By its name it may even be one that we know.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::Issuer,
                CertificateError::NotValidForNameContext {
                    expected,
                    presented,
                } => Self::OtherName {
                    expected: expected.to_str().into_owned(),
                    presented,
                },
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Self::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::NotYet
                }
                other => Self::Tls(rustls::Error::InvalidCertificate(other)),
            },
            other => Self::Tls(other),
        }
    }
}

/// Names from a certificate, which come as `DnsName("example.org")`.
fn one_of(names: &[String]) -> String {
    let plain = names.iter().map(|name| {
        let inner = name
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"')
    });
    let names: Vec<_> = plain.collect();
    if names.is_empty() {
        "nobody".to_owned()
    } else {
        names.join(", ")
    }
}
