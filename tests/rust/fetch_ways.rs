//! The ways to a server: credentials, redirects, proxies, TLS.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use fastenv::fetch::{Options, ProxySettings, Source};
use fastenv::fs;

use crate::fetch::{Run, bytes, options, outcome, source};
use crate::http_server::{Reply, Request, Server};

const SECRET: &str = "s3cret-word";

/// Wants `user` with the secret.
fn guarded(content: &Arc<Vec<u8>>) -> Server {
    Server::of(content, move |request, content| match request.headers.get("authorization") {
        // base64 of user:s3cret-word
        Some(value) if value == "Basic dXNlcjpzM2NyZXQtd29yZA==" => Reply::ranged(content, request),
        _ => Reply::status(401),
    })
}

fn authorizations(server: &Server) -> Vec<Option<String>> {
    let requests = server.requests.lock().unwrap();
    requests.iter().map(|request| request.headers.get("authorization").cloned()).collect()
}

#[test]
fn credentials_come_from_the_url_or_from_netrc() {
    let content = bytes(1000);
    let server = guarded(&content);
    let folder = tempfile::tempdir().unwrap();
    let netrc = folder.path().join("netrc");
    let text = format!("machine 127.0.0.1 login user password {SECRET}\n");
    fs::write_new(&netrc, text.as_bytes(), 0o600).unwrap();
    let run = Run::new(Options { netrc: Some(netrc), ..options() });
    outcome(run.start(source(&[server.url("/f")], &content))).unwrap();

    let run = Run::new(options());
    let with_secret = format!("http://user:{SECRET}@{}/f", server.address);
    outcome(run.start(source(&[with_secret], &content))).unwrap();

    let wrong = format!("http://other:{SECRET}@{}/f?token={SECRET}", server.address);
    let fault = outcome(run.start(source(&[wrong], &content))).unwrap_err();
    assert!(fault.to_string().contains("/f answered 401"), "{fault}");
    assert!(fault.hint().unwrap().contains("netrc"));
    assert!(!format!("{fault} {fault:?}").contains(SECRET));
}

#[test]
fn what_the_lock_only_names_is_not_shown() {
    let content = bytes(1000);
    let target = format!("/elsewhere/{SECRET}/f");
    let server = Server::start(move |request| match request.target.as_str() {
        "/nowhere" => Reply::status(302).header("Location", "ftp://s3cret-word/f"),
        "/moved" => Reply::status(302).header("Location", &target),
        _ => Reply::status(401),
    });
    for at in [format!("/{SECRET}/f"), "/moved".to_owned(), "/nowhere".to_owned()] {
        let named = Source { index: Some("our-index".to_owned()), ..source(&[server.url(&at)], &content) };
        let fault = outcome(Run::new(options()).start(named)).unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains(SECRET), "{fault} {fault:?}");
        assert!(fault.to_string().contains("demo-1.0-py3-none-any.whl of the index our-index"), "{fault}");
        let hint = fault.hint().unwrap();
        assert!(at == "/nowhere" || hint.contains("UV_INDEX_OUR_INDEX_PASSWORD"), "{hint}");
    }
}

#[test]
fn a_user_of_whom_netrc_has_the_password() {
    let content = bytes(1000);
    let server = guarded(&content);
    let folder = tempfile::tempdir().unwrap();
    let netrc = folder.path().join("netrc");
    fs::write_new(&netrc, format!("default login user password {SECRET}\n").as_bytes(), 0o600).unwrap();
    let run = Run::new(Options { netrc: Some(netrc), ..options() });
    let as_user = |name: &str| format!("http://{name}@{}/f", server.address);
    outcome(run.start(source(&[as_user("other")], &content))).unwrap_err();
    outcome(run.start(source(&[as_user("user")], &content))).unwrap();
}

#[test]
fn credentials_stay_with_their_host() {
    let content = bytes(1000);
    let other = Server::of(&content, move |request, content| Reply::ranged(content, request));
    let target = other.url("/elsewhere");
    let first = Server::start(move |_| Reply::status(302).header("Location", &target));
    let url = format!("http://user:{SECRET}@{}/f", first.address);
    outcome(Run::new(options()).start(source(&[url], &content))).unwrap();
    assert!(authorizations(&first)[0].is_some());
    assert_eq!(authorizations(&other), [None]);

    let folder = tempfile::tempdir().unwrap();
    let netrc = folder.path().join("netrc");
    fs::write_new(&netrc, format!("default login user password {SECRET}\n").as_bytes(), 0o600).unwrap();
    let run = Run::new(Options { netrc: Some(netrc), ..options() });
    let by_name = format!("http://localhost:{}/f", first.address.port());
    outcome(run.start(source(&[by_name], &content))).unwrap();
    assert!(authorizations(&first)[1].is_some(), "the default entry is for the host that was named");
    assert_eq!(authorizations(&other), [None, None]);
}

#[test]
fn requests_say_who_asks_and_want_plain_bytes() {
    let content = bytes(1000);
    let server = Server::of(&content, move |request, content| Reply::ranged(content, request));
    outcome(Run::new(options()).start(source(&[server.url("/f")], &content))).unwrap();
    let requests = server.requests.lock().unwrap();
    assert_eq!(requests[0].headers["user-agent"], concat!("fastenv/", env!("CARGO_PKG_VERSION")));
    assert_eq!(requests[0].headers["accept-encoding"], "identity");
    assert!(!requests[0].headers.contains_key("range"));
}

#[test]
fn plain_http_goes_through_a_proxy_by_whole_urls() {
    let content = bytes(1000);
    let proxy = Server::of(&content, move |request, content| {
        let is_right = request.target == "http://index.example/f?x=1"
            && request
                .headers
                .get("proxy-authorization")
                .is_some_and(|v| v == "Basic dXNlcjpzM2NyZXQtd29yZA==");
        if is_right { Reply::ranged(content, request) } else { Reply::status(404) }
    });
    let url = format!("http://user:{SECRET}@{}", proxy.address);
    let proxies = ProxySettings { http: url, ..ProxySettings::default() };
    let run = Run::new(Options { proxies: proxies.clone(), ..options() });
    // Nobody but the proxy needs to know this name.
    outcome(run.start(source(&["http://index.example/f?x=1".to_owned()], &content))).unwrap();

    let direct = guarded(&content);
    let run =
        Run::new(Options { proxies: ProxySettings { none: "127.0.0.1".into(), ..proxies }, ..options() });
    let url = format!("http://user:{SECRET}@{}/f", direct.address);
    outcome(run.start(source(&[url], &content))).unwrap();
    assert_eq!(proxy.count(), 1);

    let proxies =
        ProxySettings { all: format!("socks5://user:{SECRET}@127.0.0.1:1"), ..ProxySettings::default() };
    let run = Run::new(Options { proxies, ..options() });
    let fault = outcome(run.start(source(&["http://index.example/f".to_owned()], &content))).unwrap_err();
    assert!(fault.to_string().contains("Socks5 are not supported"), "{fault}");
    assert!(!fault.to_string().contains(SECRET), "{fault}");
}

/// A CONNECT proxy that leads every name to this machine; the targets that it was asked for.
fn tunnel() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, asked) =
        (format!("http://{}", listener.local_addr().unwrap()), Arc::new(Mutex::new(Vec::new())));
    let targets = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let targets = targets.clone();
            thread::spawn(move || connect_through(&stream, &targets));
        }
    });
    (url, asked)
}

fn connect_through(mut client: &TcpStream, targets: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let (mut line, mut rest) = (String::new(), String::new());
    reader.read_line(&mut line).unwrap();
    while rest != "\r\n" {
        rest.clear();
        reader.read_line(&mut rest).unwrap();
    }
    let target = line.split(' ').nth(1).unwrap().to_owned();
    let port = target.rsplit(':').next().unwrap().to_owned();
    targets.lock().unwrap().push(line.trim_end().to_owned());
    let server = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    let (to, from) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || copy(reader, to));
    copy(server, from);
}

fn copy(mut from: impl std::io::Read, mut to: TcpStream) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = from.by_ref().read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// A server for `localhost` with a certificate of its own authority, which is written to `folder`.
fn tls_server(folder: &Path, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write_new(&folder.join("roots.pem"), made.cert.pem().as_bytes(), 0o600).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    Server::start_wrapped(answer, move |stream| {
        let connection = rustls::ServerConnection::new(config.clone()).unwrap();
        Box::new(rustls::StreamOwned::new(connection, stream))
    })
}

#[test]
fn tls_trusts_the_named_roots_and_no_others() {
    let (folder, content) = (tempfile::tempdir().unwrap(), bytes(4 << 20));
    let body = content.clone();
    let server = tls_server(folder.path(), move |request| Reply::ranged(&body, request));
    let url = format!("https://localhost:{}/f", server.address.port());
    let roots = Some(folder.path().join("roots.pem"));
    let (proxy, asked) = tunnel();
    let proxies = ProxySettings { https: proxy, ..ProxySettings::default() };
    for proxies in [ProxySettings::default(), proxies] {
        let run = Run::new(Options { certificate_file: roots.clone(), proxies, ..options() });
        assert!(outcome(run.start(source(std::slice::from_ref(&url), &content))).unwrap() == *content);
    }
    let connect = format!("CONNECT localhost:{} HTTP/1.1", server.address.port());
    assert!(asked.lock().unwrap().iter().all(|line| *line == connect));

    let fault = outcome(Run::new(options()).start(source(std::slice::from_ref(&url), &content))).unwrap_err();
    assert!(fault.to_string().contains("UnknownIssuer"), "{fault}");
    let nothing = Some(folder.path().join("none.pem"));
    let run = Run::new(Options { certificate_file: nothing, ..options() });
    let fault = outcome(run.start(source(&[url], &content))).unwrap_err();
    assert!(fault.to_string().contains("SSL_CERT_FILE"), "{fault}");
}
