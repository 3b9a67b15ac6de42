//! Wildcards: `*` matches any characters, `?` matches one.

pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    if !has_wildcard(pattern) {
        return pattern == text;
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from) = (0, 0);
    // The position of the last `*` and the matched length of the text. The search returns there after a mismatch.
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&character) if character == '?' || character == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((last, reached)) => {
                    star = Some((last, reached + 1));
                    at = last + 1;
                    from = reached + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|character| *character == '*')
}

/// Like [`matches()`], without regard to case.
pub(crate) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    if has_wildcard(pattern) {
        matches(&pattern.to_lowercase(), &text.to_lowercase())
    } else {
        pattern.eq_ignore_ascii_case(text)
    }
}

// Most patterns have no wildcard. This test makes their comparison cheap, and every call to AWS makes dozens of them.
fn has_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Whether an ARN matches a pattern. A wildcard does not match across the colons between the first parts.
pub(crate) fn arn_matches(pattern: &str, arn: &str) -> bool {
    if !has_wildcard(pattern) {
        return pattern == arn;
    }
    let patterns: Vec<&str> = pattern.splitn(6, ':').collect();
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    patterns.len() == parts.len() && patterns.iter().zip(parts).all(|(pattern, part)| matches(pattern, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_iam() {
        for (pattern, text) in [("*", ""), ("a*c", "abbc"), ("a*b*c", "aXbYbZc"), ("a?c", "abc"), ("*x", "axbx")] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a*c", "abcd"), ("a?c", "ac"), ("", "a"), ("A", "a"), ("a*b*c", "acb")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
