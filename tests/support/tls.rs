//! Certificates for a test's own Redis, and the authorities that issue them.

use std::{fs, path::PathBuf};

use jeton::authorities::Authorities;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};

/// An authority that issues certificates.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as files for a server. They go with the value.
pub(crate) struct Identity {
    folder: tempfile::TempDir,
}

/// What a certificate says.
pub(crate) struct Says<'a> {
    /// The hosts that it is for: names and addresses.
    pub(crate) hosts: &'a [&'a str],
    /// The years in which it is valid: from the first day of one to the first day of the other.
    pub(crate) years: (i32, i32),
    /// Whether it is for clients alone.
    pub(crate) for_clients: bool,
    /// Whether it is that of an authority.
    pub(crate) is_ca: bool,
}

impl Says<'_> {
    /// What it usually says.
    pub(crate) const USUAL: Says<'static> =
        Says { hosts: &["localhost", "127.0.0.1"], years: (2020, 2120), for_clients: false, is_ca: false };

    fn parameters(&self) -> CertificateParams {
        let hosts: Vec<String> = self.hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut parameters = named(CertificateParams::new(hosts).unwrap(), "redis");
        parameters.not_before = date_time_ymd(self.years.0, 1, 1);
        parameters.not_after = date_time_ymd(self.years.1, 1, 1);
        // The nodes of a cluster are clients of each other.
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if !self.for_clients {
            parameters.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        if self.is_ca {
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        parameters
    }
}

impl Ca {
    /// A new one of this name.
    pub(crate) fn new(name: &str) -> Self {
        let mut parameters = named(CertificateParams::default(), name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A store's view of it.
    pub(crate) fn authorities(&self) -> Authorities {
        Authorities::from_pem(&self.pem()).unwrap()
    }

    /// Issues a certificate for this machine.
    pub(crate) fn issue(&self) -> Identity {
        self.issue_that(&Says::USUAL)
    }

    /// Issues a certificate that says this.
    pub(crate) fn issue_that(&self, says: &Says<'_>) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = says.parameters().signed_by(&key, &self.0).unwrap();
        Identity::of(&certificate.pem(), &key, &self.pem())
    }
}

fn named(mut parameters: CertificateParams, name: &str) -> CertificateParams {
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

impl Identity {
    /// A certificate that nobody vouches for but its own key.
    pub(crate) fn self_signed(says: &Says<'_>) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = says.parameters().self_signed(&key).unwrap().pem();
        Self::of(&certificate, &key, &certificate)
    }

    fn of(certificate: &str, key: &KeyPair, authority: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("authority.pem"), authority).unwrap();
        fs::write(folder.path().join("certificate.pem"), certificate).unwrap();
        fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        Self { folder }
    }

    /// Its certificate.
    pub(crate) fn pem(&self) -> String {
        fs::read_to_string(self.certificate()).unwrap()
    }

    /// The file of its certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// The file of the certificate of who vouches for it.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The file of its key.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Puts another certificate and key in the place of these.
    pub(crate) fn renew(&self, other: &Self) {
        fs::copy(other.certificate(), self.certificate()).unwrap();
        fs::copy(other.key(), self.key()).unwrap();
    }
}
