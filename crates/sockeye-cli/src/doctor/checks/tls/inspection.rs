//! Looks at a server's TLS: shakes hands whatever there is against its certificate, and says what there is.
//!
//! ```text
//!  dial ─▶ handshake ─▶ shown: chain, version, cipher ─▶ asked for a certificate? wait for what it says to our answer
//!              └─ broken ─▶ on new connections: a hello of TLS 1.1, plain HTTP
//! ```

use std::{io, sync::Arc, time::Duration};

use sockeye::client::{DialError, DialedStream, Dialer, TlsBuilder, TlsError, USER_AGENT};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::lookup_host,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, client::Resumption, pki_types::ServerName},
};

use super::{old, witness::Witness};
use crate::{
    doctor::{
        found::tls::{Examined, Fault, Seen, Unbelieved, broken},
        link::Watched,
    },
    reach::Belief,
    values::printable,
};

/// Whom to examine, and on whose word.
#[derive(Debug)]
pub(crate) struct Inspection<'e> {
    /// The way to a server of `https`.
    pub(crate) dialer: &'e Dialer,
    /// Whom its certificate has to convince.
    pub(crate) tls: &'e TlsBuilder,
    pub(crate) belief: Belief,
    /// How long the handshake may take, and as long again what is asked if it fails.
    pub(crate) timeout: Duration,
}

/// Why there is nothing to say about a server's TLS.
#[derive(Debug, Error)]
pub(crate) enum Unexamined {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Options(#[from] TlsError),
}

impl Inspection<'_> {
    /// Shakes hands, and finds out why not if it does not work.
    ///
    /// # Errors
    ///
    /// [`Unexamined`]: it did not come to a handshake.
    pub(crate) async fn run(&self) -> Result<Examined, Unexamined> {
        let witness = Witness::default();
        let mut config = self.tls.config(|real| witness.verifier(real))?;
        config.client_auth_cert_resolver = witness.resolver(config.client_auth_cert_resolver);
        config.resumption = Resumption::disabled(); // whoever resumes shows no certificate
        let (stream, beginning) = Watched::new(self.plain().await?);

        let mut examined = Examined::new(self.dialer.host(), self.belief);
        let end = Instant::now() + self.timeout;
        match timeout_at(end, self.shake(config, stream)).await {
            Err(_) => {
                examined.see(witness.seen());
                examined.fault = Some(self.explained(Fault::Silent, &[]).await);
            }
            Ok(Err(error)) => {
                let seen = witness.seen();
                let fault = broken(&error, seen.asked);
                examined.see(seen);
                examined.fault = Some(self.explained(fault, &beginning.bytes()).await);
            }
            Ok(Ok(stream)) => {
                let Seen { asked, .. } = witness.seen();
                let refused = match asked {
                    Some(answered) => {
                        match timeout_at(end, self.hear_out(stream, &mut examined)).await {
                            Ok(Some(word)) => Some(Fault::ClientCertificate { answered, word }),
                            _ => None,
                        }
                    }
                    None => {
                        examined.agree(stream.get_ref().1);
                        None
                    }
                };
                examined.see(witness.seen());
                if refused.is_some() {
                    examined.fault = refused;
                }
            }
        }
        if let Some(Fault::Unbelieved { why: Unbelieved::WrongName, .. }) = &examined.fault {
            let looking = timeout(self.timeout, self.same_machine(&examined));
            examined.other_name = looking.await.ok().flatten();
        }
        Ok(examined)
    }

    /// A name of the certificate's that leads to the machine that showed it.
    async fn same_machine(&self, examined: &Examined) -> Option<String> {
        let (host, port) = (self.dialer.host(), self.dialer.port());
        // Behind a proxy names mean what they mean there.
        let names = &examined.own().filter(|_| self.dialer.proxy().is_none())?.names;
        let addresses: Vec<_> = lookup_host((host, port)).await.ok()?.collect();
        for name in names.iter().filter(|name| !name.contains('*')).take(MOST_NAMES) {
            if let Ok(mut found) = lookup_host((name.as_str(), port)).await
                && found.any(|address| addresses.contains(&address))
            {
                return Some(name.clone());
            }
        }
        None
    }

    /// A stream to the server, before anything is said on it.
    async fn plain(&self) -> Result<DialedStream, DialError> {
        self.dialer.clone().without_tls().dial().await
    }

    async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        config: ClientConfig,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        let name = ServerName::try_from(self.dialer.host().to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// What a server has against our answer to its question for a certificate. In TLS 1.3 it says so only once we are
    /// done; and some wait for a request, to refuse that in words.
    async fn hear_out<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: TlsStream<S>,
        examined: &mut Examined,
    ) -> Option<String> {
        examined.agree(stream.get_ref().1);
        let request = self.request();
        if let Err(error) = stream.write_all(request.as_bytes()).await {
            // What it said before it hung up counts more.
            return Some(read(&mut stream, 1).await.err().unwrap_or(error).to_string());
        }
        match read(&mut stream, MOST).await {
            Err(error) => Some(error.to_string()),
            Ok(page) => {
                let page = String::from_utf8_lossy(&page);
                // As nginx says it, in a page of status 400.
                page.contains("SSL certificate").then(|| printable(first_line(&page)))
            }
        }
    }

    /// The same fault, or what it means, if the server says so in time.
    async fn explained(&self, fault: Fault, beginning: &[u8]) -> Fault {
        let explaining = timeout(self.timeout, self.explain(fault.clone(), beginning));
        explaining.await.unwrap_or(fault)
    }

    /// What a handshake that failed means, by what the server answers when it is asked in another way.
    async fn explain(&self, fault: Fault, beginning: &[u8]) -> Fault {
        match fault {
            Fault::Version { word, speaks } => {
                Fault::Version { speaks: self.older().await.or(speaks), word }
            }
            Fault::NotTls { .. } if beginning.starts_with(b"HTTP/") => {
                Fault::PlainHttp { said: said(beginning) }
            }
            Fault::NotTls { .. } => match self.http().await {
                Some(said) => Fault::PlainHttp { said },
                None => Fault::NotTls { said: said(beginning) },
            },
            Fault::HungUp { word } => match self.older().await {
                Some(speaks) => Fault::Version { speaks: Some(speaks), word },
                None => match self.http().await {
                    Some(said) => Fault::PlainHttp { said },
                    None => Fault::HungUp { word },
                },
            },
            Fault::Silent => match self.http().await {
                Some(said) => Fault::PlainHttp { said },
                None => Fault::Silent,
            },
            fault => fault,
        }
    }

    /// The version before TLS 1.2 that the server speaks, if it does.
    async fn older(&self) -> Option<&'static str> {
        let answer = self.answer(&old::hello(self.dialer.host()), old::ENOUGH).await?;
        old::agreed(&answer)
    }

    /// How the server's answer to a plain request begins, if it is one of HTTP.
    async fn http(&self) -> Option<String> {
        let answer = self.answer(self.request().as_bytes(), MOST).await?;
        answer.starts_with(b"HTTP/").then(|| said(&answer))
    }

    /// What the server answers to these bytes on a new connection without TLS.
    async fn answer(&self, bytes: &[u8], most: usize) -> Option<Vec<u8>> {
        let mut stream = self.plain().await.ok()?;
        stream.write_all(bytes).await.ok()?;
        read(&mut stream, most).await.ok()
    }

    fn request(&self) -> String {
        let host = self.dialer.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!(
            "GET / HTTP/1.1\r\nhost: {host}:{}\r\nuser-agent: {USER_AGENT}\r\nconnection: close\r\n\r\n",
            self.dialer.port()
        )
    }
}

/// How many names are looked up.
const MOST_NAMES: usize = 5;
/// How much of an answer is read.
const MOST: usize = 4_096;

/// Reads until there is enough, or the end.
///
/// # Errors
///
/// The stream's, if nothing came before it.
async fn read(stream: &mut (impl AsyncRead + Unpin), most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest).await {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if length == 0 => return Err(error),
            Err(_) => break,
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// The first line of what somebody said, fit to be shown.
fn said(bytes: &[u8]) -> String {
    printable(first_line(&String::from_utf8_lossy(bytes)))
}

fn first_line(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.char_indices().nth(100).map_or(line, |(end, _)| line.get(..end).unwrap_or(line))
}
