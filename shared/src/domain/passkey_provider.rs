//! Names of passkey providers by AAGUID. A passkey has its provider's name until the owner changes it.
//!
//! The providers publish the numbers. Nothing proves a number, and only the name depends on it.

use super::text::is_safe_in_mail;

/// The name of a passkey of an unknown provider.
pub const UNNAMED: &str = "Passkey";

/// AAGUIDs and the names that people know. Some products have several AAGUIDs.
const KNOWN: &[(u128, &str)] = &[
    (0xea9b8d66_4d011d21_3ce4b6b4_8cb575d4, "Google Password Manager"),
    (0xadce0002_35bcc60a_648b0b25_f1f05503, "Chrome on Mac"),
    (0xfbfc3007_154e4ecc_8c0b6e02_0557d7bd, "Apple Passwords"),
    (0xdd4ec289_e01d41c9_bb8970fa_845d4bf2, "iCloud Keychain (Managed)"),
    (0x08987058_cadc4b81_b6e130de_50dcbe96, "Windows Hello"),
    (0x9ddd1817_af5a4672_a2b93e3d_d95000a9, "Windows Hello"),
    (0x6028b017_b1d44c02_b4b3afcd_afc96bb2, "Windows Hello"),
    (0xbada5566_a7aa401f_bd964561_9a55120d, "1Password"),
    (0xd548826e_79b4db40_a3d81111_6f7e8349, "Bitwarden"),
    (0x531126d6_e717415c_93203d9a_a6981239, "Dashlane"),
    (0xb84e4048_15dc4dd0_8640f4f6_0813c8af, "NordPass"),
    (0x0ea242b4_43c44a1b_8b17dd6d_0b6baec6, "Keeper"),
    (0xf3809540_7f1449c1_a8b38f81_3b225541, "Enpass"),
    (0x53414d53_554e4700_00000000_00000000, "Samsung Pass"),
    (0x50726f74_6f6e5061_73735072_6f746f6e, "Proton Pass"),
    (0xfdb141b2_5d84443e_8a354698_c205a502, "KeePassXC"),
    (0xeaecdef2_1c315634_8639f1cb_d9c00a08, "KeePassDX"),
    (0xb78a0a55_6ef8d246_a042ba0f_6d55050c, "LastPass"),
    (0x771b48fd_d3d44f74_9232fc15_7ab0507a, "Edge on Mac"),
    (0xb5397666_4885aa6b_cebfe522_62a439a2, "Chromium"),
    (0xd3452668_01fd4c12_926c83a4_204853aa, "Microsoft Password Manager"),
    (0xde1e552d_db1d4423_a619566b_625cdc84, "Microsoft Authenticator"),
    (0x90a3ccdf_635c4729_a2489b70_9135078f, "Microsoft Authenticator"),
    (0xcb69481e_8ff74039_93ec0a27_29a154a8, "YubiKey 5"),
    (0xee882879_721c4913_97753dfc_ce97072a, "YubiKey 5"),
    (0x19083c3d_83834b18_bc038f1c_9ab2fd1b, "YubiKey 5"),
    (0xfa2b99dc_9e394257_8f924a30_d23c4118, "YubiKey 5 NFC"),
    (0x2fc0579f_811347ea_b116bb5a_8db9202a, "YubiKey 5 NFC"),
    (0xa25342c0_3cdc4414_8e46f480_7fca511c, "YubiKey 5 NFC"),
    (0xc5ef55ff_ad9a4b9f_b580adeb_afe026d0, "YubiKey 5Ci"),
    (0xd8522d9f_575b4866_88a9ba99_fa02f35b, "YubiKey Bio"),
    (0x149a2021_8ef64133_96b881f8_d5b7f1f5, "Security Key NFC"),
    (0x42b4fb4a_286643b2_9bf76c66_69c2e5d3, "Titan Security Key"),
];

/// The provider's name, if it is known.
pub fn name(aaguid: [u8; 16]) -> Option<&'static str> {
    let number = u128::from_be_bytes(aaguid);
    KNOWN.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// The name of a passkey for a mail: the owner's name for it if it is safe there, otherwise a neutral one.
pub fn name_in_mail(name: &str) -> &str {
    let is_ours = KNOWN.iter().any(|(_, known)| *known == name);
    if is_ours || is_safe_in_mail(name) { name } else { UNNAMED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_found_by_its_aaguid() {
        assert_eq!(name(*b"Proton-Pass-nope"), None);
        assert_eq!(name(*uuid::uuid!("50726f74-6f6e-5061-7373-50726f746f6e").as_bytes()), Some("Proton Pass"));
        assert_eq!(name([0; 16]), None);
    }

    #[test]
    fn a_mail_repeats_only_a_safe_name() {
        assert_eq!(name_in_mail("Ada's phone"), "Ada's phone");
        assert_eq!(name_in_mail("iCloud Keychain (Managed)"), "iCloud Keychain (Managed)");
        assert_eq!(name_in_mail("See https://evil.example/"), UNNAMED);
    }
}
