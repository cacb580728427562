//! TLS for outgoing connections, with the root certificates of this machine or of a file.

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

/// The machine's root certificates, loaded at the first https connection.
static MACHINE: LazyLock<Result<Trust, String>> = LazyLock::new(|| {
    Trust::of(rustls_native_certs::load_native_certs())?.ok_or_else(|| {
        "this machine has no root certificates; install the package ca-certificates, or set SSL_CERT_FILE to a PEM file"
            .into()
    })
});

/// A set of trusted root certificates.
#[derive(Clone)]
pub(crate) struct Trust(TlsConnector);

/// A failed TLS handshake. Each message is the end of a sentence.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// There are no trusted root certificates.
    #[error("{0}")]
    NoRoots(String),
    /// The host name cannot occur in a certificate.
    #[error("its host name is not valid in a certificate")]
    Name,
    /// The certificate's issuer is not trusted.
    #[error("its certificate is not signed by a trusted authority")]
    Issuer,
    /// The certificate is for another name.
    #[error("its certificate is not for {expected}, but for {}", one_of(.presented))]
    OtherName {
        /// The requested name.
        expected: String,
        /// The names in the certificate.
        presented: Vec<String>,
    },
    /// The certificate has expired.
    #[error("its certificate has expired")]
    Expired,
    /// The certificate is not valid yet.
    #[error("its certificate is not valid yet; check the clock of this machine")]
    NotYet,
    /// The connection broke.
    #[error("{0}")]
    Io(io::Error),
    /// Another TLS error.
    #[error("{0}")]
    Tls(rustls::Error),
}

impl Trust {
    /// The root certificates of this machine.
    ///
    /// # Errors
    /// [`Fault::NoRoots`].
    pub(crate) fn machine() -> Result<Self, Fault> {
        // The first call loads the certificates, which takes a few milliseconds of CPU time.
        MACHINE.clone().map_err(Fault::NoRoots)
    }

    /// The root certificates in a PEM file only.
    ///
    /// # Errors
    /// A message if the file is unreadable, malformed or holds no certificate.
    pub(crate) fn file(path: &Path) -> Result<Self, String> {
        let found = rustls_native_certs::load_certs_from_paths(Some(path), None);
        if let Some(error) = found.errors.first() {
            return Err(error.to_string());
        }
        Self::of(found)?
            .ok_or_else(|| "the file contains no certificate (-----BEGIN CERTIFICATE-----)".into())
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

    /// Performs the TLS handshake over `stream` and verifies the certificate for `host`.
    ///
    /// # Errors
    /// [`Fault`] if the handshake or the verification fails.
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
    /// Whether the peer may not use TLS at all: it answered with something else, or hung up.
    pub(crate) fn may_be_plain(&self) -> bool {
        match self {
            Self::Tls(error) => matches!(error, rustls::Error::InvalidMessage(_)),
            Self::Io(error) => error.kind() == io::ErrorKind::UnexpectedEof,
            _ => false,
        }
    }

    /// Whether a retry may succeed: the error is not about the certificate.
    pub(crate) fn is_transient(&self) -> bool {
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
                // A bad signature may come from an issuer with the name of a trusted one.
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

/// Lists names of a certificate, which rustls formats as `DnsName("example.org")`.
fn one_of(names: &[String]) -> String {
    let plain = names.iter().map(|name| {
        let inner = name
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"')
    });
    let names: Vec<_> = plain.collect();
    if names.is_empty() {
        "no name".to_owned()
    } else {
        names.join(", ")
    }
}
