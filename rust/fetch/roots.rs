//! The certificates that a server's must lead to: those the user names, else the system's, else Mozilla's.

use std::sync::Arc;

use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::options::Options;

/// Reads certificates from disk: called for the first https request only.
///
/// What cannot be used is a sentence.
pub(super) fn tls_config(options: &Options) -> Result<TlsConfig, String> {
    Ok(TlsConfig::builder()
        .root_certs(roots(options)?)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

fn roots(options: &Options) -> Result<RootCerts, String> {
    let (file, dir) = (options.certificate_file.as_deref(), options.certificate_dir.as_deref());
    let is_named = file.is_some() || dir.is_some();
    let found = if is_named {
        rustls_native_certs::load_certs_from_paths(file, dir)
    } else {
        rustls_native_certs::load_native_certs()
    };
    if found.certs.is_empty() && is_named {
        let why = found.errors.first().map_or_else(|| "it holds none".to_owned(), ToString::to_string);
        return Err(format!("no certificate in what SSL_CERT_FILE or SSL_CERT_DIR names: {why}"));
    }
    if found.certs.is_empty() {
        return Ok(RootCerts::WebPki);
    }
    Ok(found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).into())
}
