use super::*;

fn origin(text: &str) -> Origin {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn pattern(text: &str) -> OriginPattern {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn fault(text: &str) -> OriginFault {
    text.parse::<OriginPattern>().expect_err(text).fault
}

#[test]
fn origin_of_a_request_has_one_form() {
    for (text, form) in [
        ("https://api.example.com", "https://api.example.com:443"),
        ("HTTPS://API.Example.COM:443", "https://api.example.com:443"),
        ("http://api.example.com.", "http://api.example.com:80"),
        ("http://a_b-c:8080", "http://a_b-c:8080"),
        ("https://XN--bcher-kva.example", "https://xn--bcher-kva.example:443"),
        ("http://[2001:DB8:0::0:7]:80", "http://[2001:db8::7]:80"),
        ("http://192.0.2.7", "http://192.0.2.7:80"),
    ] {
        assert_eq!(origin(text).to_string(), form);
    }
    assert_eq!(origin("https://a.test").authority(), "a.test");
    assert_eq!(origin("https://a.test:80").authority(), "a.test:80");
    assert_eq!(origin("http://[::1]:80").authority(), "[::1]");
}

#[test]
fn text_that_is_not_an_origin_is_refused_with_the_rule_that_it_breaks() {
    use HostFault::*;
    for text in ["", "api.example.com:443", "ftp://a.test:21", "https:a.test", "//a.test:80", "*.a.test"] {
        assert_eq!(fault(text), OriginFault::Scheme, "{text}");
    }
    for text in ["http://a@b.test:80", "http://a:b@c.test:80", "http://@a.test:80"] {
        assert_eq!(fault(text), OriginFault::UserInfo, "{text}");
    }
    for text in ["http://a.test:80/", "http://a.test:80?x", "http://a.test:80#x", "http://a.test\\b:80"] {
        assert_eq!(fault(text), OriginFault::Path, "{text}");
    }
    for text in [
        "http://a:",
        "http://a:0",
        "http://a:080",
        "http://a:65536",
        "http://a:+80",
        "http://a:*",
        "http://::1:80",
        "http://[::1:80",
        "http://[::1]:x",
        "http://a:80:80",
    ] {
        let found = fault(text);
        assert!(matches!(found, OriginFault::Port | OriginFault::Host(Empty)), "{text}: {found}");
    }
    for (text, rule) in [
        ("http://:80", Empty),
        ("http://a..b:80", Empty),
        ("http://.a:80", Empty),
        ("http://a..:80", Empty),
        ("http://bücher.example:80", NotAscii),
        ("http://a b:80", Character),
        ("http://-a.b:80", Character),
        ("http://a-.b:80", Character),
        ("http://a%2e:80", Character),
        ("http://a\0:80", Character),
        ("http://127.1:80", Number),
        ("http://2130706433:80", Number),
        ("http://0x7f.1:80", Number),
        ("http://0177.0.0.1:80", Number),
        ("http://a.0x7F:80", Number),
        ("http://1.2.3.4.5:80", Number),
        ("http://127.0.0.1.:80", Number),
        ("http://[fe80::1%25eth0]:80", Ipv6),
        ("http://[127.0.0.1]:80", Ipv6),
        ("http://a[::1]:80", Ipv6),
        ("http://[::ffff:127.0.0.1]:80", MappedIpv4),
        ("http://[::ffff:7f00:1]:80", MappedIpv4),
        ("http://*:80", Wildcard),
        ("http://a.*.b:80", Wildcard),
        ("http://*a.b:80", Wildcard),
        ("http://*.*.b:80", Wildcard),
        ("http://*.192.0.2.7:80", Wildcard),
        ("http://*.:80", Empty),
    ] {
        assert_eq!(fault(text), OriginFault::Host(rule), "{text}");
    }
    let long = format!("http://{}:80", ["a"; 128].join("."));
    assert_eq!(fault(&long), OriginFault::Host(TooLong));
    assert_eq!(fault(&format!("http://{}:80", "a".repeat(64))), OriginFault::Host(TooLong));
}

#[test]
fn pattern_in_another_form_is_refused_with_the_right_one() {
    for (text, canonical) in [
        ("https://api.example.com", "https://api.example.com:443"),
        ("https://API.example.com:443", "https://api.example.com:443"),
        ("HTTP://a.test:80", "http://a.test:80"),
        ("https://a.test.:443", "https://a.test:443"),
        ("https://*.A.test", "https://*.a.test:443"),
        ("http://[0:0::1]:80", "http://[::1]:80"),
    ] {
        assert_eq!(fault(text), OriginFault::Form { canonical: canonical.to_owned() });
        assert_eq!(pattern(canonical).to_string(), canonical);
    }
}

#[test]
fn pattern_contains_the_origins_that_it_names() {
    for (wide, narrow, contains) in [
        ("https://a.test:443", "https://a.test", true),
        ("https://a.test:443", "https://A.TEST.", true),
        ("https://a.test:443", "https://a.test:444", false),
        ("https://a.test:443", "http://a.test:443", false),
        ("https://a.test:443", "https://b.a.test", false),
        ("https://*.a.test:443", "https://b.a.test", true),
        ("https://*.a.test:443", "https://c.b.a.test", true),
        ("https://*.a.test:443", "https://a.test", false),
        ("https://*.a.test:443", "https://ba.test", false),
        ("https://*.a.test:443", "https://b.a.test.evil.test", false),
        ("https://*.a.test:443", "https://b.a.test:444", false),
        ("http://192.0.2.7:80", "http://192.0.2.7", true),
        ("http://[::1]:80", "http://[0::1]", true),
        ("*", "https://a.test:1234", true),
        ("*", "http://1.1.1.1", false),
        ("*", "http://127.0.0.1", false),
        ("*", "http://[fd00::1]", false),
        ("*", "http://169.254.169.254", false),
    ] {
        assert_eq!(pattern(wide).matches(&origin(narrow)), contains, "{wide} {narrow}");
    }
}

#[test]
fn address_of_a_name_has_one_form() {
    let mapped = origin("http://a.test").at("::ffff:127.0.0.1".parse().unwrap());
    assert_eq!(mapped.to_string(), "http://127.0.0.1:80");
}
