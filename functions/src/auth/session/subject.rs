//! The sign-in subject.

use shared::{
    clock::Timestamp,
    crypto::device_token::DeviceToken,
    domain::device::Trust,
    store::{Account, Device, PendingLink},
    user_cipher::UserCipher,
};

/// The user that a login authenticates, with what the login has proven.
#[derive(Clone, Copy)]
pub(crate) struct SignInSubject<'a> {
    /// The account after the login.
    pub(crate) account: &'a Account,
    pub(crate) cipher: &'a UserCipher<'a>,
    /// The authentication methods (RFC 8176).
    pub(crate) amr: &'a [String],
    /// Whether the methods also confirm a suspicious login. A password alone does not.
    pub(crate) confirmed: bool,
    /// When the user gave a sign-in provider credentials, if that is known.
    pub(crate) provider_auth_time: Option<Timestamp>,
    /// The recognised device, and its token.
    pub(crate) device: Option<(&'a Device, &'a DeviceToken)>,
    /// The trust that the login gives to the device.
    pub(crate) trust: Option<Trust>,
    /// The trust that let the login skip the second factor.
    pub(crate) relied_on: Option<Trust>,
    /// The id of the passkey that logs in.
    pub(crate) passkey: Option<&'a str>,
    /// Whether the first factor has already alerted the owner.
    pub(crate) alerted: bool,
    /// Whether a second factor must still follow.
    pub(crate) pending: bool,
    /// The identity that the end of a pending login links.
    pub(crate) link: Option<&'a PendingLink>,
    /// Whether the login creates the account, so that there is no earlier login.
    pub(crate) is_new: bool,
}

impl<'a> SignInSubject<'a> {
    /// The user of a login on an unrecognised device, by one unconfirmed factor.
    pub(crate) const fn new(account: &'a Account, cipher: &'a UserCipher<'a>, amr: &'a [String]) -> Self {
        Self {
            account,
            cipher,
            amr,
            confirmed: false,
            provider_auth_time: None,
            device: None,
            trust: None,
            relied_on: None,
            passkey: None,
            alerted: false,
            pending: false,
            link: None,
            is_new: false,
        }
    }
}
