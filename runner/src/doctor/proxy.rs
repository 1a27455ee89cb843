//! The proxy by which jobs reach names: whether it answers from here, and takes the runner's user and password.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Finding;
use crate::config::Config;
use crate::egress::name::Name;
use crate::egress::proxy::{Handshake, Next, Proxy, why};

const ID: &str = "proxy";
/// How long it has for each of its answers.
const PATIENCE: Duration = Duration::from_secs(5);
/// What it is asked for: a name that nobody has (RFC 6761, section 6.4). It says first whether it knows who asks.
const NOBODY: &str = "palisade.invalid";
const PORT: u16 = 443;

/// One finding, where the configuration has a proxy.
pub fn check(config: &Config) -> Option<Finding> {
    let proxy = config.network.settings.proxy.as_ref()?;
    let at = format!("{}:{}", proxy.host(), proxy.port());
    Some(match ask(proxy) {
        Ok(()) if proxy.has_credentials() => {
            Finding::ok(ID, format!("{at} answers, and takes the user and the password"))
        }
        Ok(()) => Finding::ok(ID, format!("{at} answers, and asks for no user")),
        Err((found, remedy)) => Finding::fail(ID, format!("{at}: {found}"), remedy),
    })
}

/// What is wrong, and what to do.
type Wrong = (String, &'static str);

fn ask(proxy: &Proxy) -> Result<(), Wrong> {
    const CREDENTIALS: &str = "mend the file that `proxy-credentials` in `[network]` names";
    const REACH: &str =
        "check `proxy` in `[network]`, and that nothing between it and this host is in the way";
    const KIND: &str = "check `proxy` in `[network]`: its kind (http://, https:// or socks5://), port and `proxy-credentials`";
    const TLS: &str = "check `proxy` in `[network]`, and the file that `proxy-ca-file` names";
    let credentials = proxy.credentials().map_err(|e| (e.to_string(), CREDENTIALS))?;
    let unreached = |e: std::io::Error| (e.to_string(), REACH);
    let tls = proxy.tls().map_err(|e| (e.to_string(), TLS))?;
    let mut plain = connect(proxy).map_err(unreached)?;
    let mut within = None;
    if let Some(tls) = tls {
        let mut connection = tls.connection().map_err(|why| (why, TLS))?;
        while connection.is_handshaking() {
            connection
                .complete_io(&mut plain)
                .map_err(|e| of_tls(e).map_or_else(unreached, |why| (why, TLS)))?;
        }
        within = Some(connection);
    }
    let mut stream: Box<dyn Spoken> = match within {
        Some(connection) => Box::new(rustls::StreamOwned::new(connection, plain)),
        None => Box::new(plain),
    };
    let nobody = Name::parse(NOBODY).map_err(|e| (e.what.to_owned(), KIND))?;
    let (mut handshake, words) = Handshake::start(proxy, credentials.as_ref(), &nobody, PORT);
    stream.write_all(&words).map_err(unreached)?;
    let mut byte = [0];
    loop {
        if stream.read(&mut byte).map_err(unreached)? == 0 {
            return Err(("it ends the connection without an answer".to_owned(), KIND));
        }
        match handshake.take(&byte) {
            Ok((_, Next::More)) => {}
            Ok((_, Next::Say(words))) => stream.write_all(&words).map_err(unreached)?,
            Ok((_, Next::Connected)) => return Ok(()),
            Err(_) if handshake.is_about_the_name() => return Ok(()),
            Err(why) => return Err((why, KIND)),
        }
    }
}

/// What is spoken with a proxy, in clear or within TLS.
trait Spoken: Read + Write {}

impl<T: Read + Write> Spoken for T {}

/// What is wrong with the TLS, if it is that; otherwise the error as it was.
fn of_tls(error: std::io::Error) -> Result<String, std::io::Error> {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(tls) => Ok(why(tls)),
        None => Err(error),
    }
}

fn connect(proxy: &Proxy) -> std::io::Result<TcpStream> {
    let at = format!("{}:{}", proxy.host(), proxy.port());
    let mut last = std::io::Error::other("it has no address");
    for address in at.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
