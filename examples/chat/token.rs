//! The secret that who changes the banner has to know. The chat's API and the dashboard share this
//! file, so that the same environment means the same to both.

use std::env::{self, VarError};

/// What `CHAT_TOKEN` is; `None` where it is not set. One that nobody can send is a mistake, and not a
/// banner that anybody may change.
pub(crate) fn from_environment() -> Result<Option<String>, String> {
    match env::var("CHAT_TOKEN") {
        Ok(token) if token.is_empty() => Err(
            "CHAT_TOKEN is empty: give it a value, or unset it to let anybody change the banner"
                .to_owned(),
        ),
        Ok(token) if token.trim() != token || token.chars().any(char::is_control) => Err(
            "CHAT_TOKEN cannot be sent: it begins or ends with white space, or has a control character"
                .to_owned(),
        ),
        Ok(token) => Ok(Some(token)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err("CHAT_TOKEN is not UTF-8".to_owned()),
    }
}
