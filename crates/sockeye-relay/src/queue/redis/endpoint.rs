//! From a URL to Redis: hosts, login, certificates, and what holds the tasks.

use std::{path::PathBuf, time::Duration};

use redis::{
    Client, ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo, RedisError,
    TlsCertificates, TlsMode,
    cluster::ClusterClientBuilder,
    sentinel::{SentinelClientBuilder, SentinelServerType},
};
use tokio::sync::Mutex;

use super::{Endpoint, Source, Trim};
use crate::queue::{QueueError, place::Place};

/// The list or stream that a URL names.
pub(in crate::queue) fn source(place: &Place) -> Result<Source, QueueError> {
    let trim = [("acked", Trim::Acked), ("minid", Trim::MinId), ("none", Trim::None)];
    match (place.field("list"), place.field("stream")) {
        (Some(key), None) => {
            if let Some(name) =
                ["group", "field", "trim"].into_iter().find(|name| place.field(name).is_some())
            {
                return Err(place.unusable(format!("{name}= is for streams; a list has none")));
            }
            Ok(Source::List { key: key.to_owned() })
        }
        (None, Some(key)) => Ok(Source::Stream {
            key: key.to_owned(),
            group: place.field("group").unwrap_or("relay").to_owned(),
            field: place.field("field").unwrap_or("task").to_owned(),
            trim: place.one_of("trim", &trim, Trim::default())?,
        }),
        (Some(_), Some(_)) => Err(place.unusable(
            "list= and stream= are both there; leave out the one that does not hold the tasks"
                .to_owned(),
        )),
        (None, None) => {
            // What was meant as the name, perhaps.
            let path = place.path.trim_matches('/');
            let is_name =
                !path.is_empty() && path.parse::<u32>().is_err() && !place.scheme.ends_with("unix");
            let name = if is_name { path } else { "name" };
            Err(place.unusable(format!("expected either ?list={name} or ?stream={name}")))
        }
    }
}

/// Where the Redis of a URL is.
pub(in crate::queue) fn endpoint(place: &Place, timeout: Duration) -> Result<Endpoint, QueueError> {
    // What the library says may repeat what it was given: not shown.
    let refused =
        |error: RedisError| place.unusable(format!("it can't be used: {:?}", error.kind()));
    let is_tls = place.scheme.starts_with("rediss") || place.scheme == "valkeys";
    let certificates = certificates(place, is_tls)?;
    let settings = settings(place)?;
    if place.scheme.ends_with("unix") {
        let info = ConnectionAddr::Unix(PathBuf::from(&place.path))
            .into_connection_info()
            .map_err(refused)?;
        let client = Client::open(info.set_redis_settings(settings)).map_err(refused)?;
        return Ok(Endpoint::One(Box::new(client)));
    }
    let is_sentinel = place.scheme.ends_with("+sentinel");
    let hosts = hosts(place, if is_sentinel { 26379 } else { 6379 }, is_tls)?;
    let is_cluster = place.scheme.ends_with("+cluster")
        || place.one_of("cluster", &[("true", true), ("false", false)], false)?;
    if is_sentinel {
        let master = place.field("master").ok_or_else(|| {
            place.unusable("sentinels need master=, the name of what they watch".to_owned())
        })?;
        let mut builder = SentinelClientBuilder::new(hosts, master, SentinelServerType::Master)
            .map_err(refused)?;
        builder = builder.set_client_to_redis_db(settings.db());
        if let Some(user) = settings.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(user) = place.field("sentinel_user") {
            builder = builder.set_client_to_sentinel_username(user);
        }
        if let Some(password) = place.field("sentinel_password") {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if is_tls {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        let client = builder.build().map_err(refused)?;
        return Ok(Endpoint::Sentinel(Box::new(Mutex::new(client))));
    }
    if place.field("master").is_some() {
        return Err(place.unusable("master= is for redis+sentinel://".to_owned()));
    }
    if is_cluster {
        if settings.db() != 0 {
            return Err(place.unusable("a cluster has no database but 0".to_owned()));
        }
        let mut nodes = Vec::new();
        for host in hosts {
            nodes.push(
                host.into_connection_info().map_err(refused)?.set_redis_settings(settings.clone()),
            );
        }
        let mut builder = ClusterClientBuilder::new(nodes)
            .connection_timeout(timeout)
            .response_timeout(timeout + Duration::from_secs(2));
        if let Some(certificates) = certificates {
            builder = builder.certs(certificates);
        }
        return Ok(Endpoint::Cluster(Box::new(builder.build().map_err(refused)?)));
    }
    let [host] = <[ConnectionAddr; 1]>::try_from(hosts).map_err(|_| {
        place.unusable("several hosts are for redis+sentinel:// and redis+cluster://".to_owned())
    })?;
    let info = host.into_connection_info().map_err(refused)?.set_redis_settings(settings);
    let client = match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates),
        None => Client::open(info),
    };
    Ok(Endpoint::One(Box::new(client.map_err(refused)?)))
}

fn certificates(place: &Place, is_tls: bool) -> Result<Option<TlsCertificates>, QueueError> {
    let Some(path) = place.field("cacert") else { return Ok(None) };
    if !is_tls {
        return Err(place.unusable("cacert= is for TLS: rediss://".to_owned()));
    }
    let root = std::fs::read(path)
        .map_err(|error| place.unusable(format!("reading cacert={path:?}: {error}")))?;
    Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(root) }))
}

fn settings(place: &Place) -> Result<RedisConnectionInfo, QueueError> {
    let in_path = if place.scheme.ends_with("unix") { "" } else { place.path.trim_matches('/') };
    let text = match (in_path, place.field("db")) {
        ("", None) => "0",
        (path, None) => path,
        ("", Some(db)) => db,
        _ => {
            return Err(
                place.unusable("the database is there twice: in the path and as db=".to_owned())
            );
        }
    };
    let db: u32 = text
        .parse()
        .map_err(|_| place.unusable(format!("the database {text:?} is no number; expected /0")))?;
    let mut settings = RedisConnectionInfo::default()
        .set_db(db.into())
        .set_lib_name("sockeye-relay", env!("CARGO_PKG_VERSION"));
    if let Some(user) = &place.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &place.password {
        settings = settings.set_password(password);
    }
    Ok(settings)
}

fn hosts(place: &Place, usual_port: u16, is_tls: bool) -> Result<Vec<ConnectionAddr>, QueueError> {
    let mut hosts = Vec::new();
    for text in place.hosts.split(',') {
        let (host, port) = match text.rsplit_once(':') {
            // An IPv6 address without a port ends with its bracket.
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().map_err(|_| {
                    place.unusable(format!("the port {port:?} is no number up to 65535"))
                })?;
                (host, port)
            }
            _ => (text, usual_port),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(place.unusable("it names no host; expected one like localhost".to_owned()));
        }
        hosts.push(if is_tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        });
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_and_hosts_are_read() {
        let place = Place::parse("rediss://me:p%40+s@[::1]:7,h2,[fe80::1]/3?list=q").unwrap();
        assert_eq!(place.user.as_deref(), Some("me"));
        assert_eq!(place.password.as_deref(), Some("p@+s"));
        let hosts: Vec<String> =
            hosts(&place, 6379, false).unwrap().into_iter().map(|host| host.to_string()).collect();
        assert_eq!(hosts, ["::1:7", "h2:6379", "fe80::1:6379"]);
        assert_eq!(settings(&place).unwrap().db(), 3);
    }
}
