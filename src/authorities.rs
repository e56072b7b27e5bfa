//! Who may vouch for the Redis that `rediss://` leads to: certificate authorities of the operator's own.

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// What each part of a PEM text begins with.
const BEGIN: &str = "-----BEGIN ";

/// Certificates of authorities, one at least, that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities(String);

/// Why a text is not what [`Authorities`] are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthorities {
    /// There is no certificate in it.
    #[error("must hold the PEM text of a certificate, and holds none")]
    NoCertificate,
    /// One that is cut off, changed, or not a certificate at all.
    #[error("must hold whole certificates, and holds one that cannot be read")]
    BrokenCertificate,
    /// A secret, which has no place there.
    #[error("must hold certificates alone, and holds a private key")]
    PrivateKey,
    /// Another thing in PEM.
    #[error("must hold certificates alone, and holds something else as well")]
    SomethingElse,
}

impl Authorities {
    /// The certificates in a PEM text: on several lines, or on one where `\n` stands for the end of each. What stands
    /// between the certificates is a comment.
    ///
    /// # Errors
    /// [`InvalidAuthorities`], when none is there, one is broken, or there is something else.
    pub fn from_pem(text: &str) -> Result<Self, InvalidAuthorities> {
        // No backslash is in PEM itself.
        let text = text.replace("\\r", "").replace("\\n", "\n");
        if text.contains("PRIVATE KEY-----") {
            return Err(InvalidAuthorities::PrivateKey);
        }
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            let added = certificate.ok().and_then(|certificate| store.add(certificate).ok());
            added.ok_or(InvalidAuthorities::BrokenCertificate)?;
        }
        match text.matches(BEGIN).count() {
            0 => Err(InvalidAuthorities::NoCertificate),
            parts if parts == store.len() => Ok(Self(text)),
            _ => Err(InvalidAuthorities::SomethingElse),
        }
    }

    /// The certificates as PEM.
    #[must_use]
    pub fn as_pem(&self) -> &[u8] {
        self.0.as_bytes()
    }
}
