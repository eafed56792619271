//! Which proxy the environment names for an address.

use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::{ProxyError, Via};
use crate::net::Address;

/// Asks for variables by their names; those without a value are not set.
pub(super) fn proxy(
    address: &Address,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Via>, ProxyError> {
    if is_this_machine(&address.host) {
        return Ok(None);
    }
    let is_cgi = variable("REQUEST_METHOD").is_some();
    let names = if address.is_secure {
        ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    } else {
        ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    };
    let found = names
        .into_iter()
        // A CGI script has the request's header `Proxy` in it, by which anybody could redirect what it sends.
        .filter(|name| !(is_cgi && *name == "HTTP_PROXY"))
        .find_map(|name| Some((name, variable(name)?)));
    let Some((name, url)) = found else { return Ok(None) };
    let except = variable("NO_PROXY").or_else(|| variable("no_proxy"));
    if except.is_some_and(|except| is_listed(&except, address)) {
        return Ok(None);
    }
    Via::parse(&url, name).map(Some)
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Whether `NO_PROXY` has the address, by the rules of hyper-util, which are curl's.
fn is_listed(except: &str, address: &Address) -> bool {
    let matcher = Matcher::builder().all("http://proxy").no(except).build();
    let uri = Uri::builder()
        .scheme("http")
        .authority(address.authority.as_bytes())
        .path_and_query("/")
        .build();
    uri.is_ok_and(|uri| matcher.intercept(&uri).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, variables: &[(&str, &str)], expect: Option<&str>) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let found = proxy(&Address::parse(url).unwrap(), variable).unwrap();
        assert_eq!(found.map(|via| via.to_string()).as_deref(), expect, "{url} {variables:?}");
    }

    #[test]
    fn each_scheme_has_its_variable() {
        let http = ("HTTP_PROXY", "http://a:1");
        let https = ("HTTPS_PROXY", "http://b:2");
        let all = ("ALL_PROXY", "socks5h://c:3");
        for url in ["http://h/", "ws://h/"] {
            check(url, &[http, https, all], Some("http://a:1"));
            check(url, &[https, all], Some("socks5h://c:3"));
            check(url, &[https], None);
        }
        for url in ["https://h/", "wss://h/"] {
            check(url, &[http, https, all], Some("http://b:2"));
            check(url, &[http, all], Some("socks5h://c:3"));
            check(url, &[http], None);
        }
        check("ws://h/", &[], None);
        check("ws://h/", &[("http_proxy", "a:1")], Some("http://a:1"));
        check("wss://h/", &[("https_proxy", "a")], Some("http://a:80"));
        check("wss://h/", &[("all_proxy", "socks5://a")], Some("socks5://a:1080"));
    }

    #[test]
    fn a_header_of_a_cgi_request_is_no_proxy() {
        let cgi = ("REQUEST_METHOD", "GET");
        check("ws://h/", &[cgi, ("HTTP_PROXY", "http://evil:1")], None);
        check("ws://h/", &[cgi, ("http_proxy", "http://a:1")], Some("http://a:1"));
        check("wss://h/", &[cgi, ("HTTPS_PROXY", "http://a:1")], Some("http://a:1"));
    }

    #[test]
    fn some_servers_are_reached_directly() {
        let through = |url: &str, except: &str| {
            check(url, &[("ALL_PROXY", "a:1"), ("NO_PROXY", except)], Some("http://a:1"));
        };
        let directly = |url: &str, except: &str| {
            check(url, &[("ALL_PROXY", "a:1"), ("NO_PROXY", except)], None);
            check(url, &[("all_proxy", "a:1"), ("no_proxy", except)], None);
        };
        directly("ws://example.com/", "example.com");
        directly("ws://www.example.com:8080/", "other, .example.com");
        directly("ws://EXAMPLE.com/", "example.com");
        through("ws://notexample.com/", "example.com");
        through("ws://example.com/", "");
        directly("ws://anything/", "*");
        directly("wss://10.1.2.3/", "10.0.0.0/8");
        through("wss://11.1.2.3/", "10.0.0.0/8");
        directly("ws://[2001:db8::1]:3000/", "2001:db8::/32");
        directly("ws://192.0.2.1/", "192.0.2.1");
    }

    #[test]
    fn this_machine_is_always_reached_directly() {
        for host in ["localhost", "LocalHost:80", "127.0.0.1:3000", "127.9.9.9", "[::1]"] {
            check(&format!("ws://{host}/"), &[("ALL_PROXY", "a:1")], None);
        }
        check("ws://localhost.example.com/", &[("ALL_PROXY", "a:1")], Some("http://a:1"));
    }

    #[test]
    fn a_variable_that_is_no_proxy_is_named_not_passed_over() {
        let address = Address::parse("wss://h/").unwrap();
        for (value, word) in
            [("http://me:se cret@h:1", "expected"), ("socks4://me:secret@h", "socks5h")]
        {
            let variable = |name: &str| (name == "https_proxy").then(|| value.to_owned());
            let error = proxy(&address, variable).unwrap_err().to_string();
            assert!(error.contains("https_proxy") && error.contains(word), "{error}");
            assert!(!error.contains("cret"), "{error}");
        }
    }
}
