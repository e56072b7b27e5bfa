//! Who holds which key: service keys with a scope, and the cron secret (contract §5).

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// What a service key may do. Each scope includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Reads of every user.
    Read,
    /// + generations, reservations, sessions.
    Spend,
    /// + tokens, refunds.
    Credit,
    /// + reset, accounts.
    Admin,
}

impl Scope {
    /// The scope of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Read, Self::Spend, Self::Credit, Self::Admin].into_iter().find(|scope| scope.name() == name)
    }

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Spend => "spend",
            Self::Credit => "credit",
            Self::Admin => "admin",
        }
    }
}

/// Who presents a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The holder of a service key.
    Service(Scope),
    /// The platform's cron.
    Cron,
}

/// All secrets, as their SHA-256: comparing those says nothing of a secret, not even its length.
#[derive(Clone, Default)]
pub struct Credentials {
    secrets: Vec<([u8; 32], Holder)>,
}

impl Credentials {
    /// Adds a secret. False, and nothing added, if it has a holder already.
    #[must_use]
    pub fn add(&mut self, secret: &str, holder: Holder) -> bool {
        let free = self.identify(secret).is_none();
        if free {
            self.secrets.push((Sha256::digest(secret).into(), holder));
        }
        free
    }

    /// Whether there is any service key.
    #[must_use]
    pub fn has_service_keys(&self) -> bool {
        self.secrets.iter().any(|(_, holder)| matches!(holder, Holder::Service(_)))
    }

    /// Who presents `secret`; `None` if nobody we know. Takes the same time whatever the secret is.
    #[must_use]
    pub fn identify(&self, secret: &str) -> Option<Holder> {
        let presented: [u8; 32] = Sha256::digest(secret).into();
        let mut found = u32::MAX;
        for (index, (known, _)) in (0_u32..).zip(&self.secrets) {
            let same: Choice = known.ct_eq(&presented);
            found.conditional_assign(&index, same);
        }
        usize::try_from(found).ok().and_then(|index| self.secrets.get(index)).map(|(_, holder)| *holder)
    }
}
