//! Where mail is handed over, and to whom it may go.

use std::path::PathBuf;

use lettre::Address;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::letter::plain_address;
use crate::http::is_this_machine;

/// How mail is sent: the section `[tools.mail]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// Name or address of the SMTP server. No default.
    pub host: String,
    /// Its port, such as 465 for `tls` and 587 for `starttls`. No default.
    pub port: u16,
    /// How the conversation is kept from others. Default: `tls`.
    #[serde(default)]
    pub encryption: Encryption,
    /// PEM file of the authorities that may sign the server's certificate. Default: the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Who logs in, with `password_file`. Default: nobody does.
    #[serde(default)]
    pub username: Option<String>,
    /// The file of the password, for its owner's eyes only. Default: none.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The address that letters come from and errors go to, such as `notices@example.com`. No default.
    pub from: String,
    /// Domains that may be written to, such as `example.com` (not the domains beneath it), or `*` for any. Default: none.
    #[serde(default)]
    pub domains: Vec<String>,
}

/// How a conversation is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Encryption {
    /// TLS from the first byte.
    #[default]
    Tls,
    /// TLS by STARTTLS, without which nothing is sent.
    StartTls,
    /// None, within this machine alone.
    None,
}

impl TryFrom<String> for Encryption {
    type Error = &'static str;

    fn try_from(word: String) -> Result<Self, &'static str> {
        match word.as_str() {
            "tls" => Ok(Self::Tls),
            "starttls" => Ok(Self::StartTls),
            "none" => Ok(Self::None),
            _ => Err("accepted are tls, starttls and none"),
        }
    }
}

/// A section `[tools.mail]` that cannot be used. Trying again does not help.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MailConfigError {
    /// There is no host.
    #[error("tools.mail.host is empty, accepted is a name or an address")]
    NoHost,
    /// Others would read what is sent.
    #[error(
        "tools.mail.encryption is none for {host}, accepted are tls and starttls, and none for localhost, 127.0.0.1 and ::1"
    )]
    Plain {
        /// The host.
        host: String,
    },
    /// A password would be sent in plain.
    #[error(
        "tools.mail.encryption is none and tools.mail.username is set, accepted is a login over tls or starttls"
    )]
    LoginInPlain,
    /// Half a login.
    #[error("tools.mail has one of username and password_file, accepted are both or none")]
    HalfLogin,
    /// Nobody can answer.
    #[error("tools.mail.from is no address, accepted is one such as notices@example.com")]
    From,
    /// It would never fit.
    #[error("tools.mail.domains names {domain:?}, accepted are domains such as example.com, and *")]
    Domain {
        /// What is named.
        domain: String,
    },
}

impl MailConfig {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// [`MailConfigError`].
    pub fn check(&self) -> Result<(), MailConfigError> {
        if self.host.trim().is_empty() {
            return Err(MailConfigError::NoHost);
        }
        if self.encryption == Encryption::None && !is_this_machine(&self.host) {
            return Err(MailConfigError::Plain { host: self.host.clone() });
        }
        if self.encryption == Encryption::None && self.username.is_some() {
            return Err(MailConfigError::LoginInPlain);
        }
        if self.username.is_some() != self.password_file.is_some() {
            return Err(MailConfigError::HalfLogin);
        }
        self.sender()?;
        let odd = self.domains.iter().find(|domain| *domain != "*" && !is_domain(domain));
        odd.map_or(Ok(()), |domain| Err(MailConfigError::Domain { domain: domain.clone() }))
    }

    /// Who letters come from.
    pub(super) fn sender(&self) -> Result<Address, MailConfigError> {
        plain_address(&self.from).ok_or(MailConfigError::From)
    }

    /// Whether a domain may be written to.
    pub(super) fn allows(&self, domain: &str) -> bool {
        self.domains.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(domain))
    }
}

fn is_domain(domain: &str) -> bool {
    plain_address(&format!("a@{domain}")).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(host: &str, encryption: Encryption) -> MailConfig {
        MailConfig {
            host: host.to_owned(),
            port: 25,
            encryption,
            ca_file: None,
            username: None,
            password_file: None,
            from: "notices@example.com".to_owned(),
            domains: vec!["example.com".to_owned()],
        }
    }

    #[test]
    fn plain_is_for_this_machine_alone_and_never_for_a_password() {
        for (host, encryption, is_accepted) in [
            ("mail.example.com", Encryption::Tls, true),
            ("mail.example.com", Encryption::StartTls, true),
            ("mail.example.com", Encryption::None, false),
            ("127.0.0.1.example.com", Encryption::None, false),
            ("10.0.0.1", Encryption::None, false),
            ("localhost", Encryption::None, true),
            ("127.9.9.9", Encryption::None, true),
            ("::1", Encryption::None, true),
            ("", Encryption::Tls, false),
        ] {
            assert_eq!(config(host, encryption).check().is_ok(), is_accepted, "{host} {encryption:?}");
        }
        let login = |encryption| MailConfig {
            username: Some("kim".to_owned()),
            password_file: Some("password".into()),
            ..config("localhost", encryption)
        };
        assert_eq!(login(Encryption::StartTls).check(), Ok(()));
        assert_eq!(login(Encryption::None).check(), Err(MailConfigError::LoginInPlain));
        let half = MailConfig { password_file: None, ..login(Encryption::Tls) };
        assert_eq!(half.check(), Err(MailConfigError::HalfLogin));
    }

    #[test]
    fn senders_and_domains_are_such() {
        let of = |from: &str, domain: &str| MailConfig {
            from: from.to_owned(),
            domains: vec![domain.to_owned()],
            ..config("localhost", Encryption::None)
        };
        assert_eq!(of("a@example.com", "*").check(), Ok(()));
        assert_eq!(of("Notices <a@example.com>", "*").check(), Err(MailConfigError::From));
        for domain in ["@example.com", "*.example.com", "", "a b"] {
            let expected = Err(MailConfigError::Domain { domain: domain.to_owned() });
            assert_eq!(of("a@example.com", domain).check(), expected);
        }
        let one = of("a@example.com", "Example.com");
        let allowed =
            ["example.COM", "a.example.com", "example.com.evil.net"].map(|domain| one.allows(domain));
        assert_eq!(allowed, [true, false, false]);
    }
}
