//! The tool.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use brainops_event::KeyStore;
use lettre::transport::smtp::authentication::Credentials;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::config::{MailConfig, MailConfigError};
use super::letter::letter;
use super::message_id::MessageId;
use super::talk;
use crate::sealed::SealedText;
use crate::spec::{Effect, Repeat};
use crate::tool::{Act, Tool, ToolError};

/// Sends a letter. By default there is no server, and it says so.
#[derive(Clone, Default)]
pub struct MailSend(Option<Arc<Post>>);

struct Post {
    config: MailConfig,
    password: Option<Zeroizing<String>>,
    keys: Arc<dyn KeyStore>,
}

/// What it is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendArguments {
    /// The address of the one person it goes to, sealed as `email`.
    pub(super) to: SealedText,
    /// The subject, one line of 998 bytes at most, sealed as `message` under the same key.
    pub(super) subject: SealedText,
    /// The text, plain and of 256 KiB at most, sealed as `message` under the same key.
    pub(super) body: SealedText,
    /// Message-ID of the letter that this one answers, with its angle brackets. Default: none.
    pub(super) reply_to_message: Option<MessageId>,
}

/// What comes of it.
#[derive(Debug, Serialize)]
pub struct SendResult {
    /// The Message-ID, which follows from the call.
    message_id: String,
    /// What the server answered, such as 250: it has the letter, and delivers it or tells the sender.
    code: u16,
}

impl MailSend {
    /// By this server, opening what is sealed with these keys. The password is what `password_file` holds.
    ///
    /// # Errors
    /// [`MailConfigError`].
    pub fn new(
        config: MailConfig,
        password: Option<String>,
        keys: Arc<dyn KeyStore>,
    ) -> Result<Self, MailConfigError> {
        config.check()?;
        if config.username.is_some() != password.is_some() {
            return Err(MailConfigError::HalfLogin);
        }
        Ok(Self(Some(Arc::new(Post { config, password: password.map(Zeroizing::new), keys }))))
    }
}

impl Post {
    fn login(&self) -> Option<Credentials> {
        let (username, password) = (self.config.username.clone()?, self.password.as_ref()?);
        Some(Credentials::new(username, password.as_str().to_owned()))
    }
}

impl fmt::Debug for MailSend {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.0.as_ref().map(|post| &post.config);
        let place = config.map(|config| (&config.host, config.port, config.encryption));
        out.debug_struct("MailSend").field("place", &place).finish_non_exhaustive()
    }
}

#[async_trait]
impl Tool for MailSend {
    type Arguments = SendArguments;
    type Result = SendResult;

    const NAME: &'static str = "mail.send";
    const SUMMARY: &'static str = "Sends a letter of plain text to one person, from the address of this installation. Address, subject and text \
                                   are sealed under that person's key; the recipient's domain has to be allowed. What was sent cannot be \
                                   called back.";
    const EFFECT: Effect = Effect::Writes;
    const REPEAT: Repeat = Repeat::Once;

    async fn act(&self, asked: SendArguments, act: &Act) -> Result<SendResult, ToolError> {
        let Some(post) = &self.0 else {
            let accepted = "accepted is an installation with a section tools.mail";
            return Err(ToolError::nothing_done("mail_not_configured").with(accepted));
        };
        // One key is one person: nobody is sent what is about another.
        if [&asked.subject, &asked.body].iter().any(|text| text.key_id() != asked.to.key_id()) {
            let accepted = "accepted are to, subject and body that are sealed for one subject";
            return Err(ToolError::nothing_done("different_people").with(accepted));
        }
        let (call, here) = (act.call.clone(), Arc::clone(post));
        let opened = act.blocking(move || {
            let tls = talk::tls_of(&here.config)?;
            Ok((letter(&asked, &call, &here.config, &*here.keys)?, tls))
        });
        let (letter, tls) = opened.await?;
        let code = talk::hand_over(&letter, &post.config, (tls, post.login())).await?;
        Ok(SendResult { message_id: letter.id.as_str().to_owned(), code })
    }
}
