//! The mailbox: every mail that SES accepted.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Mutex,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::clock::Timestamp;

use crate::sync::lock;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// SES's message id.
    pub id: String,
    pub to: Vec<String>,
    /// The sender in the form that the function gave it.
    pub from: String,
    pub subject: String,
    /// The value of the mail's tag `kind`.
    pub kind: String,
    pub text: String,
    pub html: String,
    /// The headers that the function added. Mails of older files have none.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The time of sending, in milliseconds since the Unix epoch.
    pub at_millis: i64,
}

impl Mail {
    /// The time of sending.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at_millis)
    }

    /// The first group of exactly six digits in the text.
    pub fn code(&self) -> Option<&str> {
        let mut rest = 0;
        while let Some(start) = self.text[rest..].find(|character: char| character.is_ascii_digit()).map(|at| rest + at)
        {
            let length = self.text[start..].bytes().take_while(u8::is_ascii_digit).count();
            let before = self.text[..start].chars().next_back();
            let after = self.text[start + length..].chars().next();
            // Digits in a word, URL or longer number are no code. A full stop or a comma may follow a code.
            let joined = |character: char| character.is_alphanumeric() || "_-/#=%+".contains(character);
            if length == 6
                && !before.is_some_and(|before| joined(before) || before == '.')
                && !after.is_some_and(joined)
            {
                return Some(&self.text[start..start + length]);
            }
            rest = start + length;
        }
        None
    }

    /// The first URL in the text that has a fragment.
    pub fn link(&self) -> Option<&str> {
        self.text
            .split(|character: char| character.is_whitespace() || "<>\"".contains(character))
            .map(|word| word.trim_end_matches(['.', ',', ')', ';']).trim_start_matches('('))
            .filter(|word| word.starts_with("http://") || word.starts_with("https://"))
            .find(|url| url.split_once('#').is_some_and(|(_, fragment)| !fragment.is_empty()))
    }

    /// The mail in the form of `mail.json`.
    pub fn to_json(&self) -> Value {
        let mut value = json!({
            "id": self.id, "to": self.to.join(", "), "subject": self.subject, "kind": self.kind, "text": self.text,
            "html": self.html, "headers": self.headers, "at": self.at().rfc3339(),
        });
        for (name, found) in [("code", self.code()), ("link", self.link())] {
            if let Some(found) = found {
                value[name] = json!(found);
            }
        }
        value
    }
}

/// All mails, oldest first. A file keeps them between runs, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    mails: Mutex<Vec<Mail>>,
    file: Option<PathBuf>,
}

impl Mailbox {
    /// A mailbox without a file.
    pub(crate) fn in_memory() -> Self {
        Self::default()
    }

    /// A mailbox with a file, one mail a line. Only this user can read the file, because mails contain codes.
    pub(crate) fn on_disk(file: &Path) -> io::Result<Self> {
        let mails = match std::fs::read_to_string(file) {
            // Skips a line that a crash cut off.
            Ok(lines) => lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(problem) => return Err(problem),
        };
        Ok(Self { mails: Mutex::new(mails), file: Some(file.to_owned()) })
    }

    pub(crate) fn deliver(&self, mail: Mail) -> io::Result<()> {
        let mut mails = lock(&self.mails);
        if let Some(file) = &self.file {
            let mut line = serde_json::to_vec(&mail)?;
            line.push(b'\n');
            OpenOptions::new().create(true).append(true).mode(0o600).open(file)?.write_all(&line)?;
        }
        mails.push(mail);
        Ok(())
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        lock(&self.mails).clone()
    }

    /// Removes all mails from this run. The file keeps them.
    pub(crate) fn clear(&self) {
        lock(&self.mails).clear();
    }

    /// The mails to an address, newest first. `None` means every address.
    pub(crate) fn newest_first(&self, to: Option<&str>) -> Vec<Mail> {
        let is_to = |mail: &Mail| to.is_none_or(|to| mail.to.iter().any(|address| address.eq_ignore_ascii_case(to)));
        lock(&self.mails).iter().rev().filter(|mail| is_to(mail)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(text: &str) -> Mail {
        Mail {
            id: "1".to_owned(),
            to: vec!["a@example.com".to_owned()],
            from: "b@example.com".to_owned(),
            subject: String::new(),
            kind: String::new(),
            text: text.to_owned(),
            html: String::new(),
            headers: BTreeMap::new(),
            at_millis: 0,
        }
    }

    #[test]
    fn a_code_is_six_digits_alone() {
        assert_eq!(mail("Your code is 123456.").code(), Some("123456"));
        assert_eq!(mail("1234567 and 12345 and 654321").code(), Some("654321"));
        assert_eq!(mail("https://a/#123456 x123456 12-345678").code(), None);
        assert_eq!(mail("é123456").code(), None);
        assert_eq!(mail("im Code: 000000\n").code(), Some("000000"));
    }

    #[test]
    fn a_link_carries_its_token_in_the_fragment() {
        let text = "See https://a.example/help or <https://a.example/verify#token=x_y-z>.";
        assert_eq!(mail(text).link(), Some("https://a.example/verify#token=x_y-z"));
        assert_eq!(mail("(http://localhost:3000/m#t=1).").link(), Some("http://localhost:3000/m#t=1"));
        assert_eq!(mail("https://a.example/verify#").link(), None);
        assert_eq!(mail("javascript:alert(1)#x").link(), None);
    }

    #[test]
    fn mails_are_kept_between_runs() {
        let directory = std::env::temp_dir().join(format!("latchkey-mailbox-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("mail.json");
        Mailbox::on_disk(&file).unwrap().deliver(mail("kept")).unwrap();
        let again = Mailbox::on_disk(&file).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(again.newest_first(Some("A@EXAMPLE.COM")).len(), 1);
        assert_eq!(again.newest_first(Some("c@example.com")).len(), 0);
    }
}
