//! Characters as people see and type them.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// Whether nothing is displayed for a character: white space, controls, format characters, fillers and blank symbols.
pub fn is_invisible(c: char) -> bool {
    // These three have no property that says so: the Braille blank and two blank musical symbols.
    const BLANK: [char; 3] = ['\u{2800}', '\u{1d159}', '\u{1d173}'];
    c.is_whitespace()
        || c.is_control()
        || BLANK.contains(&c)
        || is_line_separator(c)
        || category(c) == GeneralCategory::Format
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character starts a new line in some programs, though it is not a control character.
pub const fn is_line_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether a character changes the direction of the text after it (UAX #9, section 2).
pub const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character changes the direction of the text after it up to another control (overrides and embeddings). It could
/// rearrange the mail or page around a text.
pub const fn is_bidi_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}')
}

/// Whether people copy a character without noticing it. Other controls than white space are never copied by accident.
fn is_unnoticed(c: char) -> bool {
    is_invisible(c) && (!c.is_control() || c.is_whitespace())
}

/// The text without the invisible characters at its ends that people copy with it.
pub fn trim_invisible(text: &str) -> &str {
    text.trim_matches(is_unnoticed)
}

/// The longest client text in a mail, in characters.
const MAX_MAIL_CHARACTERS: usize = 40;

/// Whether a client's text may appear in a mail: letters, digits, spaces, hyphens and apostrophes, at most 40 characters. Mail
/// programs turn other texts into links, and a long text could pass for the service's own.
pub fn is_safe_in_mail(text: &str) -> bool {
    let is_mark = |c: char| {
        use GeneralCategory::{NonspacingMark, SpacingMark};
        [NonspacingMark, SpacingMark].contains(&category(c))
    };
    // Some modifier letters look like a full stop.
    let is_letter = |c: char| c.is_alphanumeric() && category(c) != GeneralCategory::ModifierLetter;
    let is_safe = |c: char| is_letter(c) || is_mark(c) || matches!(c, ' ' | '-' | '\'' | '’');
    text.chars().count() <= MAX_MAIL_CHARACTERS && text.chars().any(char::is_alphanumeric) && text.chars().all(is_safe)
}

/// The characters of a code as its owner meant them. White space, dashes and invisible characters are left out. Every
/// decimal digit (category Nd) is an ASCII digit, and every full-width letter an ASCII letter.
pub fn code_characters(text: &str) -> impl Iterator<Item = char> {
    // U+2212 is the minus sign, which is a symbol.
    let is_dash = |c: char| c == '\u{2212}' || category(c) == GeneralCategory::DashPunctuation;
    text.chars().filter(move |&c| !is_unnoticed(c) && !is_dash(c)).map(|c| match c {
        'Ａ'..='Ｚ' | 'ａ'..='ｚ' => narrow(c),
        other => decimal_digit(other).unwrap_or(other),
    })
}

/// The ASCII letter of a full-width one (U+FF21 to U+FF5A).
fn narrow(c: char) -> char {
    char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c)
}

/// The ASCII digit of a decimal digit of any script.
fn decimal_digit(c: char) -> Option<char> {
    let is_digit = |c: &char| category(*c) == GeneralCategory::DecimalNumber;
    if !is_digit(&c) {
        return None;
    }
    // The digits of a script are ten consecutive code points, from zero to nine (Unicode Standard, section 4.6). Sets of ten
    // may follow each other without a gap.
    let before = (0..u32::from(c)).rev().map_while(char::from_u32).take_while(is_digit).count();
    char::from_digit(u32::try_from(before % 10).ok()?, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_see_them() {
        for typed in [
            "123456",
            " 123 456\n",
            "123-456",
            "123\u{2011}456",
            "123\u{2013}456",
            "123\u{2212}456",
            "123\u{a0}456",
            "\u{202a}123456\u{202c}",
            "123456\u{200b}",
            "\u{feff}123456",
            "123\u{ad}456",
            "１２３４５６",
            "١٢٣٤٥٦",
            "१२३४५६",
            "𝟏𝟐𝟑𝟺𝟻𝟼",
            "🯱🯲🯳🯴🯵🯶",
        ] {
            assert_eq!(code_characters(typed).collect::<String>(), "123456", "{typed:?}");
        }
        // Superscripts and circled digits are not decimal digits, and other characters stay.
        for typed in ["¹²³⁴⁵⁶", "①②③④⑤⑥", "123.456", "123\u{0}456", "12345six"] {
            assert_ne!(code_characters(typed).collect::<String>(), "123456", "{typed:?}");
        }
    }

    #[test]
    fn a_text_that_could_read_as_a_link_or_a_line_is_not_safe_in_a_mail() {
        for safe in ["Ada's iPhone", "Ключ 7", "python-requests", "Grand’mère", "मेरी चाबी"] {
            assert!(is_safe_in_mail(safe), "{safe}");
        }
        let long = "a".repeat(41);
        for unsafe_text in [
            "https://evil.example",
            "evil.example",
            "a@b",
            "a/b",
            "a:b",
            "x\u{2028}y",
            "a\nb",
            "<b>",
            "a\u{200b}b",
            "call +1",
            "evil\u{a4f8}example",
            "",
            "-",
            long.as_str(),
        ] {
            assert!(!is_safe_in_mail(unsafe_text), "{unsafe_text}");
        }
    }

    #[test]
    fn every_decimal_digit_has_its_value() {
        let digits: Vec<char> =
            ('\u{80}'..=char::MAX).filter(|c| category(*c) == GeneralCategory::DecimalNumber).collect();
        assert!(digits.len() > 600);
        for ten in digits.chunks(10) {
            let values: String = ten.iter().filter_map(|c| decimal_digit(*c)).collect();
            assert_eq!(values, "0123456789", "{ten:?}");
        }
    }

    #[test]
    fn invisible_characters_are_those_without_ink() {
        let invisible = "\u{20}\u{9}\u{a0}\u{200b}\u{200d}\u{2060}\u{feff}\u{3164}\u{115f}\u{1160}\u{ffa0}\u{2800}\u{e0041}\u{34f}\u{2028}";
        assert_eq!(invisible.chars().find(|c| !is_invisible(*c)), None);
        assert_eq!("aé漢ก😀١-_.".chars().find(|c| is_invisible(*c)), None);
        assert_eq!(trim_invisible("\u{202a}\u{feff} a b\u{200b}\u{200e}\n"), "a b");
    }
}
