use super::{InvalidSetting, invalid};
use crate::session::{DEVELOPMENT_SECRET, JwksUrl, ProviderSettings, SessionSettings};

/// Who may issue user tokens (contract §5). Where everything is `open`, this deployment may, also without a secret.
pub(super) fn sessions<'a>(
    value: impl Fn(&str) -> Option<&'a str>,
    open: bool,
) -> Result<SessionSettings, InvalidSetting> {
    let (issuer, audience) = (value("JETON_JWT_ISSUER"), value("JETON_JWT_AUDIENCE"));
    let needed = |name, value: Option<&str>, what, example| {
        let problem = format!("must be set where JETON_JWKS_URL is, to {what}");
        value.map(str::to_owned).ok_or(InvalidSetting { setting: name, problem, example })
    };
    let provider = match value("JETON_JWKS_URL") {
        Some(url) => Some(ProviderSettings {
            keys: JwksUrl::new(url).map_err(|problem| {
                let example = "https://auth.example/.well-known/jwks.json";
                invalid("JETON_JWKS_URL", &problem.to_string(), example)
            })?,
            issuer: needed("JETON_JWT_ISSUER", issuer, "the `iss` of the provider's tokens", "https://auth.example/")?,
            audience: needed(
                "JETON_JWT_AUDIENCE",
                audience,
                "the `aud` of the tokens for Jeton",
                "https://tokens.example",
            )?,
        }),
        None => None,
    };
    let secret = value("JETON_JWT_SECRET").or(open.then_some(DEVELOPMENT_SECRET));
    let owned = |value: Option<&str>| value.map(str::to_owned);
    Ok(SessionSettings { secret: owned(secret), issuer: owned(issuer), audience: owned(audience), provider })
}
