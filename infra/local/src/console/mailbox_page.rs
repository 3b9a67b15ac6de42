//! The mailbox as a web page.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use minijinja::{Environment, Value, context};

use crate::mailbox::Mail;

/// Nothing in a mail may run or load, because a mail can contain text from unknown clients.
const CSP: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// The maximum number of mails on the page. The file `mail.json` has all of them.
const MAILS_ON_PAGE: usize = 100;

/// The page, with the newest mail first.
pub(crate) fn page(mails: &[Mail]) -> Response<Bytes> {
    let visible: Vec<Value> = mails.iter().take(MAILS_ON_PAGE).map(value).collect();
    let mut templates = Environment::new();
    let html = templates.add_template("mailbox.html", include_str!("mailbox.html")).and_then(|()| {
        templates.get_template("mailbox.html")?.render(context! { mails => visible, all => mails.len() })
    });
    let (status, body) = match html {
        Ok(html) => (StatusCode::OK, html),
        Err(problem) => (StatusCode::INTERNAL_SERVER_ERROR, problem.to_string()),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The values of a mail that the page displays.
fn value(mail: &Mail) -> Value {
    context! {
        to => mail.to.join(", "),
        at => mail.at().rfc3339(),
        subject => mail.subject.as_str(),
        kind => mail.kind.as_str(),
        text => mail.text.as_str(),
        html => mail.html.as_str(),
        code => mail.code(),
        link => mail.link(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_cannot_break_out_of_its_frame() {
        let mail = Mail {
            id: "1".to_owned(),
            to: vec!["a@example.com".to_owned()],
            from: "b@example.com".to_owned(),
            subject: "<script>alert(1)</script>".to_owned(),
            kind: "welcome".to_owned(),
            text: "https://a.example/#\"onclick=\"x 123456".to_owned(),
            html: "\"><script>alert(2)</script>".to_owned(),
            headers: std::collections::BTreeMap::new(),
            at_millis: 0,
        };
        let response = page(&[mail]);
        assert_eq!(response.status(), StatusCode::OK);
        let html = String::from_utf8(response.into_body().to_vec()).unwrap();
        assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("\"onclick"), "{html}");
        assert!(html.contains("123456"));
    }
}
