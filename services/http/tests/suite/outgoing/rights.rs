//! The right to an origin and to an address.

use airssys_wasm::Capability;

use super::servers::{http, raw};
use super::site::{Names, Site, fetch, fetch_with};

#[tokio::test(flavor = "multi_thread")]
async fn request_needs_a_grant_and_a_denial_names_the_lines_that_would_allow_it() {
    let (server, foreign) = (http().await, http().await);
    let served = Site::new([server.origin()]).start().await;
    assert_eq!(fetch(&served, &format!("{}/hello", server.origin())).await.text(), "hello");
    let denied = fetch(&served, &format!("{}/hello", foreign.origin())).await;
    assert_eq!((denied.status, denied.text()), (502, "ErrorCode::HttpRequestDenied"));
    assert_eq!(foreign.connections(), 0);
    let denials = served.app.host().denials();
    assert_eq!(denials.len(), 1, "{denials:?}");
    let line = format!("http.outgoing = [\"{}\"]", foreign.origin());
    assert_eq!((&denials[0].component_line, &denials[0].grant_line), (&line, &line));
    let component = served.app.host().component_snapshot("web").unwrap();
    assert_eq!(component.denied, 1);
    let calls = &component.service_calls;
    assert!(calls.iter().any(|row| row.service == "http" && row.calls == 2 && row.errors == 1), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_right_fails_at_the_next_request_on_a_kept_connection_too() {
    let server = http().await;
    let served = Site::new([server.origin()]).start().await;
    let target = format!("{}/hello", server.origin());
    assert_eq!(fetch(&served, &target).await.text(), "hello");
    let host = served.app.host();
    host.revoke("web", Capability::HttpOutgoing, &server.origin()).unwrap();
    assert_eq!(fetch(&served, &target).await.text(), "ErrorCode::HttpRequestDenied");
    host.grant("web", Capability::HttpOutgoing, &server.origin()).unwrap();
    assert_eq!(fetch(&served, &target).await.text(), "hello");
    assert_eq!(server.requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn name_that_leads_to_an_address_that_is_not_public_needs_a_grant_of_the_address() {
    let server = http().await;
    let names = Names::local("api.test");
    let (name, target) = (server.under("api.test"), format!("{}/hello", server.under("api.test")));
    let served = Site::new([name.clone()]).names(&names).start().await;
    let denied = fetch(&served, &target).await;
    assert_eq!(denied.text(), "ErrorCode::DestinationIpProhibited");
    assert_eq!(
        served.app.host().denials()[0].grant_line,
        format!("http.outgoing = [\"{}\"]", server.origin())
    );
    assert_eq!(server.connections(), 0);

    let served = Site::new([name, server.origin()]).names(&names).start().await;
    assert_eq!(fetch(&served, &target).await.text(), "hello");
    // The kept connection leads to an address that the component may no longer reach.
    served.app.host().revoke("web", Capability::HttpOutgoing, &server.origin()).unwrap();
    assert_eq!(fetch(&served, &target).await.text(), "ErrorCode::DestinationIpProhibited");
    assert_eq!(server.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_leads_to_an_address_of_the_host_or_of_its_network() {
    let server = http().await;
    let port = server.address.port();
    let addresses = [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ];
    let mut names = Names::default();
    for (number, address) in addresses.iter().enumerate() {
        names = names.with(&format!("a{number}.test"), &[&[*address]]);
    }
    let served = Site::new(["*".to_owned()]).names(&names).start().await;
    for (number, address) in addresses.iter().enumerate() {
        let answer = fetch(&served, &format!("http://a{number}.test:{port}/hello")).await;
        assert_eq!(answer.text(), "ErrorCode::DestinationIpProhibited", "{address}");
    }
    // The wildcard stands for names only.
    for host in ["127.0.0.1", "[::1]", "1.1.1.1"] {
        let answer = fetch(&served, &format!("http://{host}:{port}/hello")).await;
        assert_eq!(answer.text(), "ErrorCode::HttpRequestDenied", "{host}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_goes_to_the_address_that_was_checked() {
    let server = http().await;
    let port = server.address.port();
    // The second lookup finds another address, as that of an attacker would.
    let names = Names::default().with("api.test", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let grants = [server.under("api.test"), server.origin()];
    let served = Site::new(grants).names(&names).start().await;
    assert_eq!(fetch(&served, &format!("http://api.test:{port}/close")).await.text(), "closed");
    let lookups = || names.lookups.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(lookups(), 1, "a name is looked up once for a connection");
    let answer = fetch(&served, &format!("http://api.test:{port}/hello")).await;
    assert_eq!(answer.text(), "ErrorCode::DestinationIpProhibited");
    assert_eq!((lookups(), server.connections()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn address_that_is_denied_is_left_out_beside_one_that_is_allowed() {
    let server = http().await;
    let names = Names::default().with("api.test", &[&["169.254.169.254", "127.0.0.1"]]);
    let grants = [server.under("api.test"), server.origin()];
    let served = Site::new(grants).names(&names).start().await;
    assert_eq!(fetch(&served, &format!("{}/hello", server.under("api.test"))).await.text(), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_is_an_answer_and_is_not_followed() {
    let (server, private) = (http().await, http().await);
    let served = Site::new([server.origin()]).start().await;
    let answer = fetch(&served, &format!("{}/redirect?{}/hello", server.origin(), private.origin())).await;
    assert_eq!(answer.status, 302);
    assert!(answer.head.contains(&format!("location: {}/hello", private.origin())), "{}", answer.head);
    assert_eq!(private.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn origin_has_one_form_however_a_guest_writes_it() {
    let server = http().await;
    let port = server.address.port();
    let names = Names::local("api.test");
    let served = Site::new([server.under("api.test"), server.origin()]).names(&names).start().await;
    let answer = fetch(&served, &format!("http://API.Test.:{port}/head")).await;
    assert!(answer.text().contains(&format!("host: api.test:{port}")), "{}", answer.text());
    for authority in
        ["user:secret@api.test", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]"]
    {
        let answer = fetch(&served, &format!("http://{authority}:{port}/hello")).await;
        assert_eq!(answer.text(), "ErrorCode::HttpRequestUriInvalid", "{authority}");
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn host_and_headers_of_the_connection_are_not_the_guests() {
    let server = http().await;
    let served = Site::new([server.origin()]).start().await;
    let target = format!("{}/head", server.origin());
    for header in [
        "host: evil.test",
        "connection: upgrade",
        "transfer-encoding: chunked",
        "upgrade: h2c",
        "proxy-authorization: x",
        "keep-alive: 1",
        "http2-settings: x",
    ] {
        let answer = fetch_with(&served, "GET", &target, &format!("x-send-{header}\r\n")).await;
        assert_eq!(answer.status, 502, "{header}: {}", answer.text());
    }
    assert_eq!(server.requests(), 0);
    let answer = fetch_with(&served, "GET", &target, "x-send-cookie: a=b\r\n").await;
    let expected = format!("GET /head\nhost: {}\ncookie: a=b", server.address);
    let mut seen: Vec<_> = answer.text().lines().collect();
    seen.sort_unstable();
    let mut expected: Vec<_> = expected.lines().collect();
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_of_a_request_goes_on_to_the_server() {
    let server = http().await;
    let served = Site::new([server.origin()]).start().await;
    let traceparent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer =
        fetch_with(&served, "GET", &format!("{}/head", server.origin()), &format!("{traceparent}\r\n")).await;
    assert!(answer.text().contains(traceparent), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_method_makes_no_tunnel() {
    let server = raw(|_, _| async {}).await;
    let served = Site::new([server.origin()]).start().await;
    let answer = fetch_with(&served, "GET", &server.origin(), "x-method: CONNECT\r\n").await;
    assert_eq!(answer.text(), "ErrorCode::HttpRequestMethodInvalid");
    assert_eq!(server.connections(), 0);
}
