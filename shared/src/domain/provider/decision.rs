//! What a login by a provider leads to. The table of docs/security.md, "Sign-in providers", is this function.

use super::LoginError;

/// What the provider says about the user's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    Missing,
    NotVerified,
    /// The deployment does not trust the provider with addresses.
    NotTrusted,
    /// By a provider that is trusted.
    Verified,
}

/// What is known here about that address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressHere {
    NoAccount,
    /// As `NoAccount`, while nobody can create one.
    NoAccountAndNoSignUp,
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
    /// The address's account gets the identity, and is signed in.
    Link,
    /// The identity gets a new account.
    Create,
    Refuse(LoginError),
}

/// Decides a login of an identity that no account has. Only a provider that is trusted with addresses links or creates, and only by
/// an address that it verified. Otherwise the answer is the same whether the address has an account or not.
pub const fn decide(claimed: Claimed, here: AddressHere) -> Decision {
    match (claimed, here) {
        (Claimed::Missing | Claimed::NotVerified | Claimed::NotTrusted, _) => {
            Decision::Refuse(LoginError::LinkRequired)
        }
        (Claimed::Verified, AddressHere::NoAccount) => Decision::Create,
        (Claimed::Verified, AddressHere::NoAccountAndNoSignUp) => Decision::Refuse(LoginError::SignUpClosed),
        (Claimed::Verified, AddressHere::Former) => Decision::Refuse(LoginError::LinkRequired),
        (Claimed::Verified, AddressHere::Account) => Decision::Link,
        (Claimed::Verified, AddressHere::AccountWithAnother) => Decision::Refuse(LoginError::AlreadyLinked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL_HERE: [AddressHere; 5] = [
        AddressHere::NoAccount,
        AddressHere::NoAccountAndNoSignUp,
        AddressHere::Former,
        AddressHere::Account,
        AddressHere::AccountWithAnother,
    ];

    #[test]
    fn only_a_verified_address_of_a_trusted_provider_links_or_creates() {
        for here in ALL_HERE {
            for claimed in [Claimed::Missing, Claimed::NotVerified, Claimed::NotTrusted] {
                assert_eq!(decide(claimed, here), Decision::Refuse(LoginError::LinkRequired), "{claimed:?} {here:?}");
            }
        }
    }

    #[test]
    fn a_trusted_provider_decides_by_the_account_of_the_address() {
        let expected = [
            Decision::Create,
            Decision::Refuse(LoginError::SignUpClosed),
            Decision::Refuse(LoginError::LinkRequired),
            Decision::Link,
            Decision::Refuse(LoginError::AlreadyLinked),
        ];
        assert_eq!(ALL_HERE.map(|here| decide(Claimed::Verified, here)), expected);
    }
}
