use super::*;

fn uri(text: &str) -> RedirectUri {
    RedirectUri::parse(text).unwrap_or_else(|| panic!("{text} must be allowed"))
}

#[test]
fn only_safe_forms_can_be_registered() {
    for fine in [
        "https://app.example.com/callback",
        "https://app.example.com/callback?tenant=a&x=b%20c",
        "https://app.example.com",
        "https://app.example.com/",
        "https://app.example.com:8443/cb",
        "https://xn--bcher-kva.example/cb",
        "https://192.0.2.1/cb",
        "https://[2001:db8::1]/cb",
        "https://localhost/cb",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:49152/cb",
        "http://127.0.0.1:80/cb",
        "http://[::1]/",
        "http://[::1]:3000",
        "http://localhost:3000/cb",
        "com.example.app:/callback",
        "com.example.app://callback",
        "com.example.app:callback",
    ] {
        uri(fine);
    }
    let long = format!("https://app.example.com/{}", "a".repeat(MAX_BYTES));
    for bad in [
        "",
        "/callback",
        "//app.example.com/callback",
        "app.example.com/callback",
        "https:",
        "https://",
        "https:///callback",
        "https:app.example.com/callback",
        "https:/app.example.com/callback",
        "HTTPS://app.example.com/callback",
        "https://App.example.com/callback",
        "https://app.example.com:443/callback",
        "https://app.example.com./callback",
        "https://app.example.com/a/../callback",
        "https://app.example.com/./callback",
        "https://app.example.com/%2e%2e/callback",
        "https://app.example.com/callback#",
        "https://app.example.com/callback#fragment",
        "https://user@app.example.com/callback",
        "https://user:secret@app.example.com/callback",
        "https://@app.example.com/callback",
        "https://app.example.com@evil.example/callback",
        "https://*.example.com/callback",
        "https://app.example.com/*",
        "https://app.example.com\\callback",
        "https:\\\\app.example.com/callback",
        "https://app.example.com/call back",
        "https://app.example.com/call\tback",
        "https://app.example.com/call\r\nback",
        "https://app.example.com/call\u{0}back",
        "https://app.example.com/call%0d%0aback",
        "https://app.example.com/%00",
        "https://app.example.com/%zz",
        "https://app.example.com/%2",
        " https://app.example.com/callback",
        "https://app.example.com/callback ",
        "https://app.example.com/ä",
        "https://аpp.example.com/callback",
        "https://ex%61mple.com/callback",
        "https://app.example.com/<x>",
        "https://app.example.com/\"x",
        "https://0x7f.1/callback",
        "http://app.example.com/callback",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:80a/cb",
        "http://127.0.0.1:*/cb",
        "http://127.0.0.2/cb",
        "http://127.1/cb",
        "http://2130706433/cb",
        "http://0.0.0.0/cb",
        "http://[::]/cb",
        "http://[0:0:0:0:0:0:0:1]/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://localhost.evil.example/cb",
        "http://localhost@evil.example/cb",
        "http://Localhost/cb",
        "http://localhost./cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "about:blank",
        "blob:https://app.example.com/x",
        "ftp://app.example.com/",
        "ws://127.0.0.1/cb",
        "myapp:/callback",
        "myapp://callback",
        "urn:ietf:wg:oauth:2.0:oob",
        "com.example.app:",
        "com.example.app",
        "Com.Example.App:/callback",
        "com.:/callback",
        ".com:/callback",
        "com..app:/callback",
        "com.example.app://user@host/callback",
        "com.example.app:/callback#x",
        &long,
    ] {
        assert_eq!(RedirectUri::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn a_redirect_uri_matches_exactly() {
    let registered = uri("https://app.example.com/callback");
    assert!(registered.matches("https://app.example.com/callback"));
    for trick in [
        "",
        "https://app.example.com/callback/",
        "https://app.example.com/callback?",
        "https://app.example.com/callback?x=1",
        "https://app.example.com/callback#",
        "https://app.example.com/callback#x",
        "https://app.example.com/callback/../evil",
        "https://app.example.com/callback/..%2fevil",
        "https://app.example.com/x/../callback",
        "https://app.example.com/./callback",
        "https://app.example.com//callback",
        "https://app.example.com/%63allback",
        "https://app.example.com%2fcallback",
        "https://app.example.com/callback%00",
        "https://app.example.com/callback%20",
        "https://app.example.com/Callback",
        "https://APP.example.com/callback",
        "HTTPS://app.example.com/callback",
        "https://app.example.com./callback",
        "https://app.example.com:443/callback",
        "https://app.example.com:8443/callback",
        "https://app.example.com:/callback",
        "http://app.example.com/callback",
        "https://user@app.example.com/callback",
        "https://app.example.com@evil.example/callback",
        "https://app.example.com:x@evil.example/callback",
        "https://app.example.com.evil.example/callback",
        "https://evil.example/app.example.com/callback",
        "https://evil.example/?https://app.example.com/callback",
        "https://evil.example/#https://app.example.com/callback",
        "https://evil.example\\@app.example.com/callback",
        "https://app.example.com\\callback",
        "https://app.example.com\t/callback",
        "https://app.example.com/callback\n",
        " https://app.example.com/callback",
        "https://app.example.com/callback ",
        "https:app.example.com/callback",
        "https:/app.example.com/callback",
        "//app.example.com/callback",
        "https://sub.app.example.com/callback",
        "https://example.com/callback",
        "https://аpp.example.com/callback",
        "https://app。example.com/callback",
        "https://app.example.com/callback\u{2028}",
        "javascript://app.example.com/callback",
    ] {
        assert!(!registered.matches(trick), "{trick:?}");
        assert_eq!(RedirectUri::accepted(std::slice::from_ref(&registered), trick), None, "{trick:?}");
    }
}

#[test]
fn only_the_port_of_a_loopback_address_is_free() {
    for host in LOOPBACK_ADDRESSES {
        for registered in [format!("{host}/cb"), format!("{host}:3000/cb")] {
            let registered = uri(&registered);
            for port in ["", ":80", ":1", ":3000", ":65535"] {
                assert!(registered.matches(&format!("{host}{port}/cb")), "{host} {port}");
            }
            for trick in [
                ":/cb",
                ":0/cb",
                ":080/cb",
                ":65536/cb",
                ":3000/cb/",
                ":3000/cb?x=1",
                ":3000/CB",
                ":3000",
                ":3000@evil.example/cb",
                ":3000:80/cb",
                ":３０００/cb",
                ":-1/cb",
                ":+1/cb",
                ".evil.example/cb",
                ".evil.example:3000/cb",
                "@evil.example/cb",
            ] {
                assert!(!registered.matches(&format!("{host}{trick}")), "{host}{trick}");
            }
        }
    }
    let address = uri("http://127.0.0.1:3000/cb");
    for other in
        ["http://localhost:3000/cb", "http://[::1]:3000/cb", "https://127.0.0.1:3000/cb", "http://127.1:3000/cb"]
    {
        assert!(!address.matches(other), "{other}");
    }
    // `localhost` is a name, not an address.
    let name = uri("http://localhost:3000/cb");
    assert!(name.matches("http://localhost:3000/cb"));
    for other in ["http://localhost:3001/cb", "http://localhost/cb", "http://127.0.0.1:3000/cb"] {
        assert!(!name.matches(other), "{other}");
    }
    assert!(!uri("https://127.0.0.1:3000/cb").matches("https://127.0.0.1:3001/cb"));
}

#[test]
fn the_local_client_takes_any_port_and_path_of_this_machine() {
    for fine in [
        "http://localhost",
        "http://localhost:5173/",
        "http://localhost:80/cb",
        "http://127.0.0.1:1/a/b?c=d",
        "http://[::1]:65535/x",
    ] {
        assert_eq!(RedirectUri::accepted_by_local(fine).unwrap().as_str(), fine);
    }
    for bad in [
        "https://localhost/cb",
        "http://localhost.evil.example/",
        "http://localhost:3000@evil.example/",
        "http://localhost/#x",
        "http://127.0.0.2/",
        "com.example.app:/cb",
        "https://app.example.com/",
        "http://localhost\\@evil.example/",
    ] {
        assert_eq!(RedirectUri::accepted_by_local(bad), None, "{bad}");
    }
}

#[test]
fn what_runs_on_a_device_is_known_as_such() {
    for device in [
        "http://127.0.0.1/cb",
        "http://[::1]/cb",
        "http://localhost/cb",
        "https://localhost/cb",
        "https://127.0.0.2/cb",
        "https://[::1]/cb",
        "https://app.localhost/cb",
        "com.example.app:/cb",
    ] {
        assert!(uri(device).is_loopback_or_private(), "{device}");
    }
    for web in ["https://app.example.com/cb", "https://192.0.2.1/", "https://localhost.example/"] {
        assert!(!uri(web).is_loopback_or_private(), "{web}");
    }
}

#[test]
fn the_origins_of_redirect_uris_may_call() {
    assert_eq!(uri("https://app.example.com:8443/cb?x=y").origin().as_deref(), Some("https://app.example.com:8443"));
    assert_eq!(uri("http://localhost:80/cb").origin().as_deref(), Some("http://localhost"));
    assert_eq!(uri("com.example.app:/cb").origin(), None);
    let uris = ["https://a.example/cb", "http://127.0.0.1/cb", "http://localhost:3000/cb", "com.example.app:/cb"];
    let origins = CorsOrigins::of(&uris.map(uri));
    for fine in ["https://a.example", "http://127.0.0.1", "http://127.0.0.1:5173", "http://localhost:3000"] {
        assert!(origins.allow(fine), "{fine}");
    }
    for bad in [
        "",
        "null",
        "*",
        "https://a.example/",
        "https://a.example:443",
        "https://a.example.evil.example",
        "http://a.example",
        "http://127.0.0.1:*",
        "http://127.0.0.1:5173/",
        "https://127.0.0.1",
        "http://localhost:3001",
        "http://[::1]",
        "com.example.app:",
    ] {
        assert!(!origins.allow(bad), "{bad}");
    }
    let local = CorsOrigins::of_local();
    assert!(["http://localhost:5173", "http://[::1]:1", "http://127.0.0.1"].iter().all(|origin| local.allow(origin)));
    assert!(["https://localhost", "http://localhost:5173/x", "null"].iter().all(|origin| !local.allow(origin)));
}
