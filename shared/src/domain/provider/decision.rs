//! What a login by a provider leads to. The table of docs/security.md, "Sign-in providers", is this function.

use super::LoginError;

/// What the provider says about the user's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    Missing,
    NotVerified,
    Verified,
}

/// What is known here about that address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressHere {
    NoAccount,
    /// The address was an account's, and the change can still be undone.
    Former,
    /// An account without an identity of the provider.
    Account,
    /// An account with another identity of the provider.
    AccountWithAnother,
}

/// What happens to a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The identity has an account, which is signed in.
    SignIn,
    /// The address's account gets the identity, and is signed in.
    Link,
    /// The identity gets a new account.
    Create,
    Refuse(LoginError),
}

/// Decides a login of an identity that no account has. Only a provider that is trusted with addresses links or creates, and only by
/// an address that it verified. Otherwise the answer is the same whether the address has an account or not.
pub const fn decide(claimed: Claimed, trusted: bool, here: AddressHere, sign_up: bool) -> Decision {
    match (claimed, here) {
        (Claimed::Missing | Claimed::NotVerified, _) => Decision::Refuse(LoginError::LinkRequired),
        (Claimed::Verified, _) if !trusted => Decision::Refuse(LoginError::LinkRequired),
        (Claimed::Verified, AddressHere::NoAccount) if !sign_up => Decision::Refuse(LoginError::SignUpClosed),
        (Claimed::Verified, AddressHere::NoAccount) => Decision::Create,
        (Claimed::Verified, AddressHere::Former) => Decision::Refuse(LoginError::LinkRequired),
        (Claimed::Verified, AddressHere::Account) => Decision::Link,
        (Claimed::Verified, AddressHere::AccountWithAnother) => Decision::Refuse(LoginError::AlreadyLinked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL_HERE: [AddressHere; 4] =
        [AddressHere::NoAccount, AddressHere::Former, AddressHere::Account, AddressHere::AccountWithAnother];

    #[test]
    fn only_a_verified_address_of_a_trusted_provider_links_or_creates() {
        for here in ALL_HERE {
            for sign_up in [true, false] {
                for (claimed, trusted) in [
                    (Claimed::Missing, true),
                    (Claimed::NotVerified, true),
                    (Claimed::Missing, false),
                    (Claimed::NotVerified, false),
                    (Claimed::Verified, false),
                ] {
                    let refused = Decision::Refuse(LoginError::LinkRequired);
                    assert_eq!(decide(claimed, trusted, here, sign_up), refused, "{claimed:?} {here:?}");
                }
            }
        }
    }

    #[test]
    fn a_trusted_provider_decides_by_the_account_of_the_address() {
        let decided = ALL_HERE.map(|here| decide(Claimed::Verified, true, here, true));
        let refused = |error| Decision::Refuse(error);
        let expected =
            [Decision::Create, refused(LoginError::LinkRequired), Decision::Link, refused(LoginError::AlreadyLinked)];
        assert_eq!(decided, expected);
        let closed = decide(Claimed::Verified, true, AddressHere::NoAccount, false);
        assert_eq!(closed, refused(LoginError::SignUpClosed));
        assert_eq!(decide(Claimed::Verified, true, AddressHere::Account, false), Decision::Link);
    }
}
