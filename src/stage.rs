//! Development or production: decided in one place.

/// Which rules hold: those of a developer's machine, or those of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Without keys every call is allowed; the test user opens like everybody else.
    Development,
    /// Nothing is open; the test user is a demo account.
    Production,
}

/// What the environment says of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signs<'a> {
    /// `VERCEL_ENV`: `production`, `preview` or `development`; set in deployments and by `vercel env pull`.
    pub vercel_env: Option<&'a str>,
    /// `VERCEL_DEV`: `1` under `vercel dev`.
    pub vercel_dev: Option<&'a str>,
    /// `NODE_ENV`.
    pub node_env: Option<&'a str>,
    /// Whether this is the local server.
    pub local_server: bool,
}

impl Stage {
    /// The stage by the rules of contract §5: development if a sign says so and none says otherwise; anything that is
    /// not clearly development is production.
    #[must_use]
    pub fn of(signs: Signs<'_>) -> Self {
        let Signs { vercel_env, vercel_dev, node_env, local_server } = signs;
        let claimed = local_server
            || vercel_dev == Some("1")
            || vercel_env == Some("development")
            || node_env == Some("development");
        let denied = vercel_env.is_some_and(|value| value != "development") || node_env == Some("production");
        if claimed && !denied { Self::Development } else { Self::Production }
    }
}
