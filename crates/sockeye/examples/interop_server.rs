//! The interop server: `cargo run --release --example interop_server -- --port 3000`.

use clap::Parser;
use sockeye_echo::{
    Options,
    host::{self, HostOptions},
};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    host: HostOptions,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Cli { options, host } = Cli::parse();
    #[expect(clippy::print_stdout, reason = "the ready line is this program's output")]
    let ready = |url| println!("listening on {url}");
    if host.host {
        host::serve(&options, &host, ready).await?;
    } else {
        let server = sockeye_echo::build(&options)?;
        sockeye_echo::serve(&server, options.port, ready).await?;
    }
    Ok(())
}
